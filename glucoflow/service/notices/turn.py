"""A look at everybody who is to be told something, what follows from it put on its way, and sent."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from glucoflow.languages import Language, language
from glucoflow.model.errors import GlucoflowError
from glucoflow.model.notices import Cause, Message, Receiver, State, Terms
from glucoflow.service.jobs import Outcome
from glucoflow.service.notices import texts
from glucoflow.service.notices.alive import say_alive
from glucoflow.service.notices.facts import operator_facts, person_facts, week_of
from glucoflow.service.notices.rules import Finding, due, too_late, weekly_finding
from glucoflow.service.notices.sending import Sent, operators_terms, send_due, send_test
from glucoflow.service.runtime import Runtime
from glucoflow.store import Person
from glucoflow.store.notices import Addressed, Told
from glucoflow.store.tokens import new_token

log = logging.getLogger(__name__)

FETCHED: tuple[Cause, ...] = ("no_reading", "sync_failing")
"""What a sync may end."""
SLEPT = timedelta(hours=1)
"""Where nobody was looked at for so long, this machine slept or was off: the flow looks every quarter of an hour."""


def look_and_send(rt: Runtime, people: Collection[str] | None = None, *, between_syncs: bool = False) -> Sent:
    """Look at these people, or at everybody and at the installation itself, and send what is due.

    Raises nothing: notices are worth no failed sync.
    """
    try:
        look(rt, people, between_syncs=between_syncs)
        return send_due(rt)
    except GlucoflowError as error:
        log.warning("notices had to be left: %s", type(error).__name__)
    except Exception:
        log.exception("notices failed")
    return Sent()


def tell(rt: Runtime, outcomes: Sequence[Outcome], user_id: str | None) -> Sent:
    """What follows a sync, of one person or everybody: what is to be told, and the sign of life where it went well.

    It ends within the deadline of the settings, whatever the services do, and raises nothing.
    """
    done = look_and_send(rt, None if user_id is None else {user_id})
    if user_id is None and (not outcomes or any(one.status in ("ok", "partial") for one in outcomes)):
        say_alive(rt.settings.notices)
    return done


def look(rt: Runtime, people: Collection[str] | None = None, *, between_syncs: bool = False) -> int:
    """Put on its way what is to be told now; how many messages that are. A failure of one costs nobody else's.

    `between_syncs`: none has just ended. Where this machine slept until now, one is due, and before it nobody knows
    whether anything is missing.
    """
    told = 0
    before = rt.store.notices.looked(rt.clock()) if people is None else None
    unknown = FETCHED if between_syncs and before is not None and rt.clock() - before > SLEPT else ()
    for user_id, receivers in _receivers(rt).items():
        if people is not None and user_id not in people:
            continue
        try:
            told += _operator(rt, receivers, unknown) if user_id is None else _person(rt, user_id, receivers, unknown)
        except GlucoflowError as error:
            log.warning("nobody could be told: %s", type(error).__name__, extra={"user_id": user_id})
        except Exception:  # what nobody foresaw costs this person, and no other
            log.exception("nobody could be told", extra={"user_id": user_id})
    return told


def test_receiver(rt: Runtime, receiver_id: str) -> str | None:
    """Send a test; None where it was taken, else what is wrong, in English. Raises Rejected for an unknown one."""
    receiver = rt.store.receivers.get(receiver_id)
    person = None if receiver.user_id is None else rt.store.people.get(receiver.user_id)
    message = texts.test_message(person.display_name if person else "glucoflow")
    return send_test(rt, receiver_id, texts.in_language(message, _language(rt, person), ""))


def _receivers(rt: Runtime) -> dict[str | None, list[Receiver]]:
    """Those that get anything, by person."""
    found: dict[str | None, list[Receiver]] = defaultdict(list)
    for one in rt.store.receivers.all():
        if one.causes:
            found[one.user_id].append(one)
    return found


def _but(findings: Sequence[Finding], unknown: Collection[Cause]) -> list[Finding]:
    return [msgspec.structs.replace(one, holds=None) if one.cause in unknown else one for one in findings]


def _person(rt: Runtime, user_id: str, receivers: Sequence[Receiver], unknown: Collection[Cause]) -> int:
    person, terms, now = rt.store.people.get(user_id), rt.store.receivers.terms(user_id), rt.clock()
    causes = {cause for one in receivers for cause in one.causes}
    states = defaultdict(State, rt.store.notices.states(user_id))

    def said_at(cause: Cause) -> datetime | None:
        return states[cause].said_at

    def words(finding: Finding) -> Message | None:
        if finding.newest is not None:
            return texts.glucose_message(finding, finding.newest, person.display_name, person.unit, terms, now)
        if finding.cause == "weekly":
            week = week_of(rt, person, now)
            return None if week is None else texts.week_message(person.display_name, person.unit, week)
        return texts.person_message(finding, person.display_name)

    findings = _but(person_facts(rt, person, terms, causes, said_at), unknown)
    if "weekly" in causes:
        findings.append(weekly_finding(person.zone, now, _first(receivers, "weekly")))
    tell = partial(_tell, rt, user_id, receivers, terms, person.zone, _language(rt, person), words)
    return sum(tell(one, states[one.cause]) for one in findings)


def _operator(rt: Runtime, receivers: Sequence[Receiver], unknown: Collection[Cause]) -> int:
    now, settings = rt.clock(), rt.settings.notices
    causes = {cause for one in receivers for cause in one.causes}
    states = defaultdict(State, rt.store.notices.states(None))
    findings = _but(operator_facts(rt, causes, lambda cause: states[cause].said_at), unknown)
    if "weekly" in causes:
        findings.append(weekly_finding(settings.zone, now, _first(receivers, "weekly")))

    def words(finding: Finding) -> Message | None:
        return _operators_week(rt) if finding.cause == "weekly" else texts.operator_message(finding)

    terms = operators_terms(settings)
    tell = partial(_tell, rt, None, receivers, terms, settings.zone, _language(rt, None), words)
    return sum(tell(one, states[one.cause]) for one in findings)


def _tell(
    rt: Runtime,
    user_id: str | None,
    receivers: Sequence[Receiver],
    terms: Terms,
    zone: str,
    speaking: Language,
    words: Callable[[Finding], Message | None],
    finding: Finding,
    state: State,
) -> int:
    """Decide about one finding. Where nothing changes nothing is written."""
    now = rt.clock()
    after, tell = due(state, finding, terms, zone, now)
    if not tell and after == state:
        return 0
    message = words(finding) if tell else None
    if tell and message is None:
        return 0  # what it would say is not known now
    told_to = [
        one for one in receivers if finding.cause in one.causes and not set(finding.covered_by) & set(one.causes)
    ]

    def decide(known: State) -> Told:
        then, still = due(known, finding, terms, zone, now)
        addressed = _addressed(rt, finding.cause, message, speaking, told_to) if still and message else ()
        return Told(then, addressed, too_late(finding.cause, now))

    return rt.store.notices.look(user_id, finding.cause, decide, now)


def _addressed(
    rt: Runtime, cause: Cause, message: Message, speaking: Language, receivers: Sequence[Receiver]
) -> list[Addressed]:
    found = []
    for one in receivers:
        token = new_token()
        link = "" if cause == "weekly" else f"{address_of_pages(rt)}/notice/{token}"
        found.append(Addressed(one.id, texts.in_language(message, speaking, link), token))
    return found


def address_of_pages(rt: Runtime) -> str:
    """Where people open the pages: as set, else on this machine."""
    web = rt.settings.web
    return str(web.address).rstrip("/") if web.address else f"http://localhost:{web.port}"


def _operators_week(rt: Runtime) -> Message:
    connections = rt.store.connections.list()
    return texts.operator_week(
        people=len(rt.store.people.list()),
        connected=sum(one.state == "connected" for one in connections),
        asked=sum(one.state == "needs_reauthorization" for one in connections),
    )


def _first(receivers: Sequence[Receiver], cause: Cause) -> datetime:
    """Since when anybody is to be told of it."""
    return min(one.created_at for one in receivers if cause in one.causes)


def _language(rt: Runtime, person: Person | None) -> Language:
    return language((person.language if person else rt.settings.notices.language) or "en")
