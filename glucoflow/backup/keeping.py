"""Which backups there are, and which of them stay: the newest of each of the last days, weeks and months."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from glucoflow.settings import BackupSettings

_NAME = re.compile(r"glucoflow-(\d{8}T\d{6}Z)\.age")
_TRIED = "last-trial"
_FORM = "%Y%m%dT%H%M%SZ"
_AHEAD = timedelta(hours=1)


class Kept(msgspec.Struct, frozen=True):
    """One backup: its file, and when it was made."""

    path: Path
    made_at: datetime


def name_of(at: datetime) -> str:
    """The name of the file of a backup that was made at this moment."""
    return f"glucoflow-{at.astimezone(UTC):{_FORM}}.age"


def backups_in(folder: Path) -> list[Kept]:
    """The finished backups in a folder, oldest first. Other files are nobody's business."""
    found = []
    for path in folder.glob("glucoflow-*.age"):
        matched = _NAME.fullmatch(path.name)
        if matched:
            with suppress(ValueError):  # of the 31st of February: not ours
                found.append(Kept(path, datetime.strptime(matched[1], _FORM).replace(tzinfo=UTC)))
    return sorted(found, key=lambda one: one.made_at)


def made_by(backups: Iterable[Kept], now: datetime) -> list[Kept]:
    """Those that were made by now. A clock that ran ahead left others: whole, but of a day that nobody knows."""
    return [one for one in backups if one.made_at <= now + _AHEAD]


def superfluous(backups: Iterable[Kept], settings: BackupSettings, now: datetime) -> Sequence[Kept]:
    """Those that may go: neither the newest of a day, a week or a month that is kept. The newest of all never goes.

    What a clock that ran ahead left takes nobody's place: it stays until its day has come.
    """
    newest_first = sorted(made_by(backups, now), key=lambda one: one.made_at, reverse=True)
    rules: tuple[tuple[Callable[[datetime], object], int], ...] = (
        (lambda at: at.date(), settings.keep_daily),
        (lambda at: at.isocalendar()[:2], settings.keep_weekly),
        (lambda at: (at.year, at.month), settings.keep_monthly),
    )
    stays = set(newest_first[:1])
    for span_of, spans in rules:
        first: dict[object, Kept] = {}
        for one in newest_first:
            first.setdefault(span_of(one.made_at), one)
        stays |= set(list(first.values())[:spans])
    return [one for one in reversed(newest_first) if one not in stays]


def prune(folder: Path, settings: BackupSettings, now: datetime) -> Sequence[Kept]:
    """Delete those that may go; which ones went."""
    gone = superfluous(backups_in(folder), settings, now)
    for one in gone:
        one.path.unlink(missing_ok=True)
    return gone


def is_trial_due(folder: Path, now: datetime) -> bool:
    """Whether no backup of this week came back as it was: by the file's time, as the next one is then due."""
    try:
        tried = datetime.fromtimestamp((folder / _TRIED).stat().st_mtime, UTC)
    except FileNotFoundError:
        return True
    return tried.isocalendar()[:2] != now.astimezone(UTC).isocalendar()[:2]


def note_trial(folder: Path, now: datetime) -> None:
    """A backup was tried out and is whole."""
    noted = folder / _TRIED
    noted.touch()
    os.utime(noted, (now.timestamp(), now.timestamp()))
