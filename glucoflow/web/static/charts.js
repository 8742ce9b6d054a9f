// Draws each figure's chart: fetches the filled specification, gives it this page's colours, and makes its table.
"use strict";

const MOST_ROWS = 1000;
const PAPER_WIDTH = 640;
const root = document.querySelector("[data-charts]");
const views = new Map();

// Words of a chart and the rim around them, and what stands for them on a dark page.
const ON_DARK = { "#343741": "#c9d6d0", "#ffffff": "#151d1b" };

function forTheme(spec) {
  if (getComputedStyle(document.documentElement).colorScheme !== "dark") return spec;
  return JSON.parse(JSON.stringify(spec).replace(/#(343741|ffffff)\b/gi, (colour) => ON_DARK[colour.toLowerCase()]));
}

// On a phone a legend stands below its chart, where its entries take several rows, and leaves the chart the width.
function forWidth(node) {
  if (innerWidth >= 560 || node === null || typeof node !== "object") return node;
  if (Array.isArray(node)) return node.map(forWidth);
  const result = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === "values" || key === "data") result[key] = value;
    else if (key === "legend" && value) result[key] = { ...value, orient: "bottom", direction: "horizontal", columns: 2, gradientLength: 220, gradientThickness: 10 };
    else result[key] = forWidth(value);
  }
  return result;
}

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function colours() {
  const soft = token("soft"), text = token("text"), edge = token("edge"), font = token("font");
  const words = { labelColor: soft, titleColor: soft, labelFont: font, titleFont: font, labelFontSize: 11, titleFontSize: 11, titleFontWeight: 500 };
  return {
    background: "transparent", font, view: { stroke: null },
    axis: { ...words, domain: false, ticks: false, gridColor: edge, gridDash: [3, 4], labelPadding: 6, labelSeparation: 8 },
    legend: { ...words, symbolType: "circle", symbolSize: 70 },
    header: { ...words }, title: { color: text, font, fontSize: 13 }, text: { font },
  };
}

function merged(under, over) {
  const result = { ...under };
  for (const [key, value] of Object.entries(over || {})) {
    result[key] = value && typeof value === "object" && !Array.isArray(value) ? merged(result[key] || {}, value) : value;
  }
  return result;
}

function sized(spec, height) {
  const composed = "facet" in spec || "concat" in spec || "hconcat" in spec || "vconcat" in spec || "repeat" in spec;
  if (composed) return spec;
  return { width: "container", height, autosize: { type: "fit-x", contains: "padding" }, ...spec };
}

// The data after the transforms: the compiled chart has several sets, the wanted one has every column of the table.
function rowsOf(view, compiled, columns) {
  if (!columns.length) return [];
  const names = (compiled.data || []).map((set) => set.name).sort((a, b) => b.startsWith("source") - a.startsWith("source"));
  for (const name of names) {
    const rows = view.data(name) || [];
    if (rows.length && columns.every((column) => lookUp(rows[0], column.field) !== undefined)) return rows;
  }
  return [];
}

function lookUp(row, path) {
  if (path in row) return row[path];
  return path.split(".").reduce((value, key) => (value === undefined || value === null ? undefined : value[key]), row);
}

let locale = vega.defaultLocale(); // how this page's language writes numbers and dates, once a chart has said it

function written(value, format) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (/%[a-zA-Z]/.test(format || "")) return locale.utcFormat(format)(new Date(value));
  if (format && typeof value === "number") return locale.format(format)(value);
  if (value instanceof Date) return value.toISOString().slice(0, 16).replace("T", " ");
  return String(value);
}

function tableOf(rows, columns) {
  const table = document.createElement("table");
  table.className = "data";
  const head = table.createTHead().insertRow();
  for (const column of columns) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = column.title;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of rows.slice(0, MOST_ROWS)) {
    const line = body.insertRow();
    for (const column of columns) line.insertCell().textContent = written(lookUp(row, column.field), column.format);
  }
  if (rows.length > MOST_ROWS) {
    const caption = table.createCaption();
    caption.textContent = say(TEXTS["first rows"], { shown: MOST_ROWS, rows: rows.length });
  }
  return table;
}

function tooltip(drawing) {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  drawing.append(tip);
  return (_handler, event, _item, value) => {
    tip.hidden = value === null || value === undefined || value === "";
    if (tip.hidden) return;
    tip.replaceChildren();
    const entries = typeof value === "object" ? Object.entries(value) : [["", value]];
    for (const [name, text] of entries) {
      const line = document.createElement("div");
      if (name) line.append(`${name} `);
      const strong = document.createElement("b");
      strong.textContent = String(text);
      line.append(strong);
      tip.append(line);
    }
    const box = drawing.getBoundingClientRect();
    const left = event.clientX - box.left + 14;
    tip.style.left = `${Math.max(0, Math.min(left, box.width - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, event.clientY - box.top - tip.offsetHeight - 12)}px`;
  };
}

// The page of the local day that a row or a mark is about, if it is about one.
function dayAddress(row) {
  const day = row && row.date;
  return typeof day === "string" && /^\d{4}-\d\d-\d\d$/.test(day) ? `${root.dataset.days}?from=${day}&to=${day}` : null;
}

// A click on a day opens it, unless it is the only one there.
function openable(figure, view, rows) {
  const days = new Set(rows.map(dayAddress).filter(Boolean));
  figure.classList.toggle("opens", days.size > 1);
  if (days.size < 2) return;
  figure.querySelector(".drawing").setAttribute("aria-description", TEXTS.opens);
  view.addEventListener("click", (_event, item) => {
    const address = dayAddress(item && item.datum);
    if (address) location.assign(address);
  });
}

// Arrow keys walk through the rows and say each; Enter opens its day.
function readable(figure, rows, columns) {
  const drawing = figure.querySelector(".drawing"), readout = figure.querySelector(".readout");
  let at = rows.length;
  drawing.onkeydown = (event) => {
    if (event.key === "Enter" && at < rows.length && figure.classList.contains("opens")) {
      const address = dayAddress(rows[at]);
      if (address) location.assign(address);
      return;
    }
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: rows.length - 1, PageUp: at - 12, PageDown: at + 12 };
    if (!(event.key in moves) || !rows.length) return;
    event.preventDefault();
    at = Math.max(0, Math.min(rows.length - 1, moves[event.key]));
    readout.textContent = columns.map((column) => `${column.title} ${written(lookUp(rows[at], column.field), column.format)}`).join(" · ");
  };
}

// What is not looked at is not made: a table of many rows takes longer than its chart.
function tabled(figure, rows, columns) {
  const details = figure.querySelector(".as-table"), place = details.querySelector(".scroll");
  details.hidden = !rows.length;
  place.replaceChildren();
  details.ontoggle = () => { if (details.open && !place.firstChild) place.append(tableOf(rows, columns)); };
  details.ontoggle();
}

// A sentence in place of the chart, which needs no more height than that.
function tell(figure, text) {
  const drawing = figure.querySelector(".drawing"), line = document.createElement("p");
  line.className = "empty";
  line.textContent = text;
  drawing.style.minHeight = "";
  drawing.removeAttribute("tabindex");
  drawing.replaceChildren(line);
  tabled(figure, [], []);
}

async function draw(figure) {
  const drawing = figure.querySelector(".drawing");
  const answer = await fetch(root.dataset.charts + figure.dataset.chart);
  const got = await answer.json();
  views.get(figure)?.finalize();
  drawing.classList.remove("waiting");
  if (!answer.ok) { tell(figure, `${got.error} ${got.remedy || ""}`); figure.dataset.state = "problem"; return; }
  const spec = sized({ ...forTheme(forWidth(got.spec)), config: merged(colours(), got.spec.config) }, Number(figure.dataset.height));
  delete spec.config.kibana;
  if (got.spec.config.locale) locale = vega.locale(got.spec.config.locale.number, got.spec.config.locale.time);
  const warnings = [];
  const logger = vega.logger(vega.Warn, "warn", (_method, _level, words) => warnings.push([...words].join(" ")));
  const compiled = vegaLite.compile(spec, { logger }).spec;
  drawing.replaceChildren();
  drawing.tabIndex = 0;
  const place = document.createElement("div");
  place.className = "place";
  place.ariaHidden = "true"; // hundreds of marks to step through; the readout and the table say the same
  drawing.append(place);
  const view = new vega.View(vega.parse(compiled, null, { ast: true }), {
    locale, expr: expressions, renderer: "svg", container: place, hover: true, logger, tooltip: tooltip(drawing),
    loader: { load: () => Promise.reject(new Error("charts load nothing")), sanitize: () => Promise.reject(new Error("charts link nowhere")) },
  });
  views.set(figure, view);
  await view.runAsync();
  const columns = got.meta.table || [], rows = rowsOf(view, compiled, columns);
  // Without rows the axes have no extent, which Vega warns about and nobody sees: the words of the empty state are shown.
  if (columns.length && !rows.length) { view.finalize(); views.delete(figure); tell(figure, got.meta.empty); }
  else {
    warnings.forEach((warning) => console.warn(got.meta.title, warning));
    tabled(figure, rows, columns);
    openable(figure, view, rows);
  }
  readable(figure, rows, columns);
  figure.dataset.state = rows.length || !columns.length ? "drawn" : "empty";
}

async function drawAll() {
  if (!root) return;
  await Promise.all([...root.querySelectorAll("[data-chart]")].map((figure) => draw(figure).catch((error) => {
    console.error(error);
    tell(figure, TEXTS["not drawn"]);
    figure.dataset.state = "problem";
  })));
  root.dataset.state = "done";
}

for (const drawing of document.querySelectorAll(".drawing")) {
  drawing.style.minHeight = `${drawing.closest("[data-height]").dataset.height}px`;
  drawing.classList.add("waiting");
}
document.addEventListener("colours", drawAll);
document.addEventListener("renewed", drawAll);
// A chart drawn for a wide screen would have tiny words on paper.
addEventListener("beforeprint", () => views.forEach((view) => view.width(PAPER_WIDTH).run()));
addEventListener("afterprint", () => dispatchEvent(new Event("resize")));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll();
