"""The colours of charts, in Kibana and on pages: the same on a light and on a dark ground.

A mark has 3:1 against white and against the dark grounds of Kibana and of our pages. No one colour of text has 4.5:1
against both (the grounds are 17:1 apart): words in a chart are `INK` over a rim of `HALO`, which is the ground itself
on white and carries them on dark. Large words (key figures) take a mark's colour, for which 3:1 is enough. The bands
stay apart for people who see no red, no green or no blue; `tests/kibana/test_palette.py` computes all of it.
"""

from typing import Final

from glucoflow.model.ranges import Band

BAND_COLOURS: Final[dict[Band, str]] = {
    "very_low": "#B62AC4",
    "low": "#D9485A",
    "in_range": "#1F8F86",
    "high": "#8A6D00",
    "very_high": "#D67A23",
}
LINE: Final = "#2E7DE0"
SPREAD: Final = "#5B8DC0"
NEUTRAL: Final = "#7B8594"
INK: Final = "#343741"
HALO: Final = "#FFFFFF"
STEPS: Final = ("#DDEFEA", "#A9D8CB", "#6DBBA9", "#35978A")
"""Of one green, for shares in range below 50, 70 and 90 % and above: red and yellow are bands and nothing else."""
CELL_INK: Final = "#14171C"
"""Of words on a step, which is the same on both grounds."""
STEP_LIMITS: Final = (50, 70, 90)
