"""What other programs are told of one person: the same answers by the JSON API and the MCP server.

Units are in the names; glucose is there in both. Times are UTC, and an offset says the person's own clock.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from glucoflow.model.documents import Dataset
from glucoflow.model.glycemia import ComparedMetrics, EpisodeKind, GlycemicMetrics, NotedKind
from glucoflow.model.ranges import Band, Limit
from glucoflow.model.trends import Direction
from glucoflow.model.units import Unit, to_mmol_l


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(Answer):
    """The person's own range; in range is low ≤ glucose ≤ high."""

    low_mg_dl: float
    high_mg_dl: float
    low_mmol_l: float
    high_mmol_l: float


class PersonAnswer(Answer):
    """Who it is, and what their figures are measured against."""

    id: str
    name: str
    unit: Unit = Field(description="The unit they are shown.")
    zone: str = Field(description="Home time zone, an IANA name.")
    profile: str = Field(description="Whose goals are used: adult, older_high_risk, pregnancy, gestational.")
    range: Range
    newest_reading: datetime | None = Field(description="Null before the first reading.")


class Window(Answer):
    """The time [start, end) that something is said of, and how much data stands behind it."""

    start: datetime
    end: datetime
    n: int = Field(description="Readings that count.")
    active_percent: float | None = Field(description="Time with readings against the whole window, 0–100.")
    newest: datetime | None = Field(description="The newest of these readings.")
    age_minutes: float | None = Field(description="How old that is now.")
    sufficient: bool = Field(description="Whether the data bear a judgement: 70 % of 14 days or of a longer window.")
    reason: str | None = Field(description="What is missing, in words.")


class ReadingAnswer(Answer):
    """One value of a sensor."""

    id: str
    time: datetime
    utc_offset_min: int = Field(description="The person's clock: local time = time + offset.")
    mg_dl: float
    mmol_l: float
    range: Band
    limit: Limit | None = Field(description="low or high where the sensor only said that it is beyond its range.")
    trend: Direction | None
    rate_mg_dl_per_min: float | None
    excluded: bool = Field(description="In a span that the person marked as not to be trusted: in no figure.")
    provider: str
    device: str | None


class EventAnswer(Answer):
    """What the person noted or a device did."""

    id: str
    time: datetime
    utc_offset_min: int
    kind: Dataset
    carbs_g: float | None = None
    insulin_u: float | None = None
    insulin_u_per_h: float | None = None
    duration_min: float | None = None
    mg_dl: float | None = None
    mmol_l: float | None = None
    intensity: str | None = None
    text: str | None = Field(None, description="As somebody wrote it: untrusted.")
    provider: str


class Nearby(Answer):
    """An event within 2 hours of an episode's start; negative minutes are before it."""

    kind: NotedKind
    minutes: int
    amount: float | None = Field(description="Grams, units or minutes.")


class EpisodeAnswer(Answer):
    """15 minutes or more beyond a limit; the end is the first moment after it."""

    kind: EpisodeKind
    start: datetime
    end: datetime
    utc_offset_min: int
    minutes: int
    extreme_mg_dl: float
    extreme_mmol_l: float
    extreme_at: datetime
    night: bool
    around: tuple[Nearby, ...] = ()


def _metric_fields() -> dict[str, Any]:
    names = (*ComparedMetrics.__struct_fields__, *GlycemicMetrics.__struct_fields__)
    fields: dict[str, Any] = {}
    for name in dict.fromkeys(names):
        if name in ("n", "excluded_counts", "interval_ms", "n_low_limit", "n_high_limit", "active_percent"):
            continue
        fields[name] = (str | None if name == "gri_zone" else float | None, None)
        if "_mg_dl" in name:
            fields[name.replace("_mg_dl", "_mmol_l")] = (float | None, None)
    return fields


METRICS: Mapping[str, Any] = _metric_fields()
MetricsAnswer: Any = create_model(
    "MetricsAnswer",
    __base__=Answer,
    __doc__="Figures; percentages 0–100, glucose in both units, null where the data do not bear one.",
    **METRICS,
)


def metrics_answer(metrics: GlycemicMetrics) -> Any:
    """The figures with their twins in mmol/L."""
    values: dict[str, Any] = {}
    for name in METRICS:
        if "_mmol_l" in name:
            mg_dl = getattr(metrics, name.replace("_mmol_l", "_mg_dl"))
            values[name] = None if mg_dl is None else to_mmol_l(mg_dl)
        else:
            values[name] = getattr(metrics, name)
    return MetricsAnswer(**values)


class GoalAnswer(Answer):
    name: str
    percent: float = Field(description="The share, exact.")
    goal: float
    over: bool = Field(description="Whether the goal is to be above it; else below.")
    met: bool


class FiguresAnswer(Answer):
    """Everything that is computed of a window."""

    window: Window
    range: Range
    metrics: MetricsAnswer
    goals: tuple[GoalAnswer, ...] | None = Field(description="Null where the data do not bear a judgement.")
    episodes: Mapping[str, int] | None = Field(description="How many began, by kind.")
    reasons: Mapping[str, str] = Field(description="Why a figure is null, by its name.")


class DayAnswer(Answer):
    """One local date."""

    date: date
    window: Window
    metrics: MetricsAnswer
    episodes: Mapping[str, int]


class InsightAnswer(Answer):
    kind: str
    tone: str
    text: str
    rule: str
    suggestion: str | None
    dates: tuple[date, ...]


class PatternAnswer(Answer):
    kind: str
    text: str
    rule: str
    days_with: int
    days_of: int
    p_value: float
    dates: tuple[date, ...]


class InsightsAnswer(Answer):
    """What stands out in the local days [first, end), against as many before."""

    days: int
    first: date | None
    end: date | None
    n: int
    active_percent: float | None
    sufficient: bool
    insights: tuple[InsightAnswer, ...]
    patterns: tuple[PatternAnswer, ...]


class AdherenceAnswer(Answer):
    """One measure on days with and without a protocol; difference and 95 % interval null where there are too few."""

    protocol: str
    measure: str
    n_with: int
    n_without: int
    mean_with: float | None
    mean_without: float | None
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    clear: bool
    text: str


class LatestAnswer(Answer):
    """The newest reading and how old it is."""

    reading: ReadingAnswer | None = Field(description="Null before the first reading.")
    age_minutes: float | None
    stale: bool = Field(description="Older than 15 minutes: not the present.")


class Problem(Answer):
    """What happened and what to do."""

    error: str
    remedy: str = ""
