"""Findings as messages, in the language, unit and zone of whoever is told."""

from datetime import datetime, timedelta

from glucoflow.analytics.data_sufficiency import ACTIVE_NEEDED
from glucoflow.es.overview import Overview
from glucoflow.languages import Language
from glucoflow.model.notices import Cause, Message, Terms
from glucoflow.model.said import Said, joined, said
from glucoflow.model.units import MG_DL, Unit, glucose_unit, in_unit
from glucoflow.model.words import count, length, number, percent
from glucoflow.service.notices.rules import Finding, Sample

NO_ALARM = said(
    "This is no medical alarm and may come late or not at all. Look at your receiver or meter before you do anything."
)
WEEK_MS = timedelta(days=7) / timedelta(milliseconds=1)


def glucose_message(finding: Finding, newest: Sample, name: str, unit: Unit, terms: Terms, now: datetime) -> Message:
    """What the newest reading says, with its age, and that this is no alarm."""
    if newest.limit is None:
        value: str = glucose_unit(newest.mg_dl, unit)
    else:
        value = said("LOW") if newest.limit == "low" else said("HIGH")
    titles = {
        "urgent_low": said("%(name)s: urgent low, %(value)s", name=name, value=value),
        "low": said("%(name)s: low, %(value)s", name=name, value=value),
        "falling": said("%(name)s: falling fast, %(value)s", name=name, value=value),
        "high": said("%(name)s: high for long, %(value)s", name=name, value=value),
    }
    age = said("%(value)s, read %(age)s ago.", value=value, age=length(now - newest.time))
    return Message(
        title=titles[finding.cause], body=joined("\n", [joined(" ", [age, _why(finding, unit, terms)]), NO_ALARM])
    )


def _why(finding: Finding, unit: Unit, terms: Terms) -> Said:
    if finding.cause == "high":
        return said(
            "Above %(limit)s for %(time)s.",
            limit=glucose_unit(terms.high, unit),
            time=length(timedelta(minutes=finding.amount)),
        )
    if finding.cause == "falling":
        rate = in_unit(-(finding.rate or 0), unit)
        return said(
            "It falls by %(rate)s %(unit)s a minute, over the last 20 minutes.",
            rate=number(rate, 1 if unit == MG_DL else 2),
            unit=unit,
        )
    limit = terms.urgent_low if finding.cause == "urgent_low" else terms.low
    return said("Below %(limit)s.", limit=glucose_unit(limit, unit))


def person_message(finding: Finding, name: str) -> Message:
    """About the running of things, to the person."""
    lasting = length(timedelta(minutes=finding.amount))
    known: dict[Cause, tuple[Said, Said]] = {
        "reconnect": (
            said("%(name)s: %(sources)s must be connected again", name=name, sources=finding.detail),
            said(
                "The provider accepts the connection no longer, and nothing is fetched until you connect again: on the "
                "page Status. The readings since then will follow."
            ),
        ),
        "no_reading": (
            said("%(name)s: no reading for %(time)s", name=name, time=lasting),
            said(
                "Usually the newest one is at most %(usual)s old. Look whether the sensor sends, and whether the phone "
                "or receiver is online.",
                usual=finding.detail,
            ),
        ),
        "sync_failing": (
            said(
                "%(name)s: nothing fetched from %(sources)s for %(time)s",
                name=name,
                sources=finding.detail,
                time=lasting,
            ),
            said("It goes on being tried by itself. The page Status says why it fails, and what helps."),
        ),
        "rejected": (
            said("%(name)s: %(records)s could not be understood", name=name, records=count(finding.amount, "record")),
            said("They are kept with their reasons and count in no figure. The page Status lists them."),
        ),
    }
    title, body = known[finding.cause]
    return Message(title=title, body=body)


def operator_message(finding: Finding) -> Message:
    """About the running of things, to whoever runs this."""
    lasting = length(timedelta(minutes=finding.amount))
    known: dict[Cause, tuple[Said, Said]] = {
        "reconnect": (
            said("glucoflow: people must connect again"),
            said("Their providers accept the connections no longer: %(people)s.", people=finding.detail),
        ),
        "sync_failing": (
            said("glucoflow: nothing fetched for %(time)s", time=lasting),
            said("Of: %(people)s. `glucoflow status` and `glucoflow doctor` say why.", people=finding.detail),
        ),
        "rejected": (
            said("glucoflow: %(records)s could not be understood", records=count(finding.amount, "record")),
            said("They are kept with their reasons; `glucoflow status` says whose they are."),
        ),
        "disk": (
            said("glucoflow: the disk is nearly full"),
            said(
                "%(free)s GiB are free where the data folder is. When it is full, Elasticsearch stops writing; what is "
                "missing is fetched once there is room.",
                free=count(finding.amount),
            ),
        ),
    }
    title, body = known[finding.cause]
    return Message(title=title, body=body)


def week_message(name: str, unit: Unit, week: Overview) -> Message:
    """The last seven days: figures with how much stands behind them."""
    active = min(100.0, 100 * week.worn_ms / WEEK_MS)
    behind = said(
        "Last 7 days: %(readings)s, %(share)s of the time.", readings=count(week.n, "reading"), share=percent(active)
    )
    if not week.n or active < ACTIVE_NEEDED:
        figures = said("That is too little for shares and a mean; 70 %% of the time are needed.")
    else:
        shares = week.time_in_ranges
        figures = said(
            "In range %(inside)s, below %(below)s, above %(above)s. Mean %(mean)s.",
            inside=percent(shares["in_range"]),
            below=percent(shares["very_low"] + shares["low"]),
            above=percent(shares["high"] + shares["very_high"]),
            mean=glucose_unit(week.mean_mg_dl, unit),
        )
    return Message(title=said("%(name)s: the last 7 days", name=name), body=joined(" ", [behind, figures]))


def operator_week(people: int, connected: int, asked: int) -> Message:
    """How things stand on a Monday."""
    return Message(
        title=said("glucoflow: this week"),
        body=said(
            "%(people)s people; %(connected)s of their connections work, %(asked)s need their person again.",
            people=count(people),
            connected=count(connected),
            asked=count(asked),
        ),
    )


def test_message(name: str) -> Message:
    """What the test button sends."""
    return Message(
        title=said("glucoflow: a test"),
        body=joined(" ", [said("Notices about %(name)s come here.", name=name), NO_ALARM]),
    )


def in_language(message: Message, language: Language, link: str) -> Message:
    """The message as it is sent, with the link that acknowledges it."""
    return Message(title=language.of(message.title), body=language.of(message.body), link=link)
