"""What a report says of one person in a span, computed once for the page, the text and the JSON."""

from datetime import date, timedelta

import msgspec

from glucoflow.analytics.data_sufficiency import borne, covered_ms, sufficiency, why_no_variability
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.series import Series, date_of
from glucoflow.analytics.summary import Metrics, day_start_ms, metrics_of, span_ms
from glucoflow.analytics.time_in_ranges import target_bands
from glucoflow.model.glycemia import EPISODE_KINDS, Episode, EpisodeKind, Sufficiency
from glucoflow.model.goals import ShownShares, shown_shares
from glucoflow.model.localtime import DAY_MS
from glucoflow.model.targets import PROFILES, Targets


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the local dates first … last; the ones that their data do not bear are None, with the reason.

    `first` and `last` are None without readings. `episodes` are all that were found; `no_episodes` says why they are
    not to be counted, None where they are.
    """

    series: Series
    targets: Targets
    metrics: Metrics
    state: Sufficiency
    shares: ShownShares | None
    episodes: tuple[Episode, ...]
    no_episodes: str | None
    first: date | None
    last: date | None
    days_with_data: int

    @property
    def used(self) -> Series:
        return self.series.used

    @property
    def calendar_days(self) -> int:
        return 0 if self.first is None or self.last is None else (self.last - self.first).days + 1

    @property
    def worn_weeks(self) -> float:
        """Worn time: what a number of episodes a week is counted against."""
        return covered_ms(self.used) / (7 * DAY_MS)

    def counts(self) -> dict[EpisodeKind, int]:
        """How many episodes of each kind began."""
        return {kind: sum(1 for one in self.episodes if one.kind == kind) for kind in EPISODE_KINDS}


def figures_of(
    series: Series, targets: Targets = PROFILES["adult"], first: date | None = None, last: date | None = None
) -> Figures:
    """The figures of a series, or of the whole local dates first … last of it.

    Without dates, the period runs from the first reading to the last; percent active is measured against it.
    """
    held = [date_of(int(series.used.local_day[i])) for i in (0, -1)] if len(series.used) else [None, None]
    start, end = first or held[0], last or held[1]
    if first is None and last is None:
        part, period_ms = series, span_ms(series)
    elif start is None or end is None:
        part, period_ms = series, 0
    else:
        after = end + timedelta(days=1)
        part = series.between(start, after)
        period_ms = day_start_ms(series, after) - day_start_ms(series, start)
    used = part.used
    worn = covered_ms(used)
    calendar = 0 if start is None or end is None else (end - start).days + 1
    state = sufficiency(used, period_ms, calendar_days=calendar)
    bands = target_bands(used, targets)
    return Figures(
        series=part,
        targets=targets,
        metrics=borne(metrics_of(part, period_ms, targets), worn, state, targets),
        state=state,
        shares=None if bands is None else shown_shares(bands, targets),
        episodes=find_episodes(used, targets),
        no_episodes=why_no_variability(worn),
        first=start,
        last=end,
        days_with_data=len(used.dates()),
    )
