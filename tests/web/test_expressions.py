"""Our evaluation of chart expressions against the interpreter of Vega's makers: the same picture from both."""

from glucoflow.web.app import chart_folder
from glucoflow.web.charts import load_charts
from tests.web.conftest import Open
from tests.web.serving import Site

BOTH = """async (address) => {
  const { spec } = await (await fetch(address)).json();
  delete spec.config.kibana;
  const logger = vega.logger(vega.None);
  const compiled = vegaLite.compile({ width: 600, height: 250, ...spec }, { logger }).spec;
  const pictures = [];
  for (const expr of [expressions, vega.expressionInterpreter]) {
    const view = new vega.View(vega.parse(compiled, null, { ast: true }), { expr, logger, renderer: "none" });
    pictures.push((await (await view.runAsync()).toSVG()).replace(/(gradient|clip)_?\\d+/g, "$1"));
  }
  return pictures;
}"""


def test_every_chart_is_drawn_as_the_interpreter_draws_it(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/ben/sensor")
    for name in load_charts(chart_folder()):
        ours, theirs = page.evaluate(BOTH, f"/api/people/ben/charts/{name}?last=30d")
        assert ours == theirs, name
        assert ours.count("<path") > 1 or name in {"now", "key_figures"}, name


VALUES = """([expressions_asked, datum, both]) => {
  const transform = expressions_asked.map((expr, at) => ({ type: "formula", as: `r${at}`, expr }));
  const spec = { data: [{ name: "t", values: [datum], transform }] };
  return (both ? [expressions, vega.expressionInterpreter] : [expressions]).map((expr) => {
    const view = new vega.View(vega.parse(spec, null, { ast: true }), { expr, renderer: "none" }).run();
    return expressions_asked.map((_, at) => { const r = view.data("t")[0][`r${at}`]; return [typeof r, JSON.stringify(r) ?? ""]; });
  });
}"""  # noqa: E501

ASKED = [
    "datum.a.b + 1",
    "datum['a']['b'] * -2",
    "datum.none == null ? 'no' : datum.none",
    "!datum.a && datum.x || 'z'",
    "{x: datum.a.b, 'y z': [1, datum.s]}",
    "if(datum.s == 'q', PI, E)",
    "datum.s + '' + (3 > 2)",
    "5 % 3 + 2 * 1",
    "format(datum.a.b, '.2f') + upper(datum.s)",
    "split('a,b', ',')[1]",
    "clamp(9, 1, 4)",
    "7 >>> 1",
    "~5",
    "indexof(['a', 'q'], datum.s)",
    "isValid(datum.none) || isNaN(0 / 0)",
    "max(1, 2, datum.when)",
    "-datum.a.b / 3",
    "utcFormat(toDate('2026-11-21T00:00:00Z'), '%d %b')",
    "datum.when === 3 ? regexp('q').source : 0",
    "'b' != 'c'",
]
DATUM = {"a": {"b": 4.125}, "s": "q", "x": 0, "when": 3}


def test_expressions_mean_what_they_mean_to_the_interpreter(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna/sensor")
    ours, theirs = page.evaluate(VALUES, [ASKED, DATUM, True])
    assert dict(zip(ASKED, ours, strict=True)) == dict(zip(ASKED, theirs, strict=True))


def test_an_expression_reaches_no_code(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/anna/sensor")
    assert page.evaluate(VALUES, [["datum.s.constructor.constructor"], DATUM, False]) == [[["undefined", ""]]]
