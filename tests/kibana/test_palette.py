"""The colours, computed: contrast on every ground, apart for people who see no red, green or blue, no others used."""

import itertools
import json
import re
from typing import Any

import numpy as np
import pytest

from glucoflow.files import packaged
from glucoflow.kibana import template
from tests.kibana import mapping
from tests.kibana.objects import ANNAS, layers, panels, state, values_of
from tests.kibana.palette import BAND_COLOURS, CELL_INK, HALO, INK, LINE, NEUTRAL, SPREAD, STEP_LIMITS, STEPS

GROUNDS = {"white": "#FFFFFF", "Kibana 8 dark": "#1D1E24", "Kibana 9 dark": "#0B1628", "our pages, dark": "#151D1B"}
BANDS: dict[str, str] = {str(band): colour for band, colour in BAND_COLOURS.items()}
MARKS = {**BANDS, "line": LINE, "spread": SPREAD, "neutral": NEUTRAL}
SEEN_AS: dict[str, Any] = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB."""
APART = 0.07
"""In OKLab, where 0.02 is the least difference that is seen at all."""


def linear(colour: str) -> Any:
    part = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2."""
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def oklab(rgb: Any) -> Any:
    """Björn Ottosson's, from linear RGB."""
    to_cone = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.array(to_lab) @ np.cbrt(np.array(to_cone) @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS)
@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
def test_a_mark_stands_out_on_every_ground(mark: str, ground: str) -> None:
    assert contrast(mark, ground) >= 3


def test_words_in_charts_can_be_read() -> None:
    """Ink on its rim, on white, and on every step of the calendar, which is opaque on both grounds."""
    assert contrast(INK, HALO) >= 4.5
    assert all(contrast(CELL_INK, step) >= 4.5 for step in STEPS)
    assert all(contrast(HALO, ground) >= 4.5 for name, ground in GROUNDS.items() if name != "white")


@pytest.mark.parametrize("seen", SEEN_AS)
def test_bands_stay_apart_for_everybody(seen: str) -> None:
    shown = {band: oklab(np.array(SEEN_AS[seen]) @ linear(colour)) for band, colour in BAND_COLOURS.items()}
    for one, other in itertools.combinations(shown, 2):
        assert np.linalg.norm(shown[one] - shown[other]) >= APART, (one, other)


def sources() -> dict[str, str]:
    folder = packaged("kibana")
    paths = [*(folder / "vega").rglob("*.json"), *(folder / "lens").glob("*.json")]
    return {path.name: path.read_text("utf-8") for path in paths}


def test_charts_use_no_other_colour() -> None:
    known = {*MARKS.values(), INK, HALO, CELL_INK, *STEPS}
    faint = {tuple(int(c[at : at + 2], 16) for at in (1, 3, 5)) for c in MARKS.values()}
    for name, text in sources().items():
        assert {one.upper() for one in re.findall(r"#[0-9A-Fa-f]{6}\b", text)} <= known, name
        for found in re.findall(r"rgba\((\d+), (\d+), (\d+), [\d.]+\)", text):
            assert tuple(map(int, found)) in faint, name


def test_small_words_have_their_rim() -> None:
    """Text of a fixed colour is ink, directly over the same text as its rim; only large words take a mark's colour."""
    for path in (packaged("kibana") / "vega").rglob("*.json"):
        for units in values_of(json.loads(path.read_text("utf-8")), "layer"):
            marks = [one["mark"] for one in units if isinstance(one.get("mark"), dict)]
            for before, mark in zip([{}, *marks], marks, strict=False):
                if mark["type"] != "text" or mark.get("color") != INK:
                    continue
                rim = {**mark, "color": HALO, "stroke": HALO, "strokeWidth": 3, "strokeJoin": "round"}
                assert before == rim or path.name == "calendar_tir.vl.json", path.name


def test_pages_have_the_same_colours() -> None:
    css = (mapping.ROOT / "glucoflow" / "web" / "static" / "tokens.css").read_text("utf-8")
    for name, colour in MARKS.items():
        assert f"--{name}: {colour.lower()};" in css, name


def test_the_calendar_and_the_table_share_one_set_of_green_steps() -> None:
    spec = json.loads(template.chart("calendar_tir", {}, {}))
    scales = [one for one in values_of(spec, "scale") if one.get("type") == "threshold"]
    assert [(one["domain"], one["range"]) for one in scales] == [(list(STEP_LIMITS), list(STEPS))]
    table = next(p for p in panels(ANNAS) if p.name == "day-table")
    (palette,) = values_of(state(table)["visualization"], "palette")
    stops = palette["params"]["stops"]
    assert [one["color"] for one in stops] == list(STEPS)
    assert [one["stop"] for one in stops][:3] == [limit / 100 for limit in STEP_LIMITS]
    assert "percent" in json.dumps(layers(table)["L1"]["columns"]["m1"])
