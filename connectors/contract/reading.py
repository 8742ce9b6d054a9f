"""Checks of what a provider says of itself and of what it reads: all of it, once, in order, whatever is cut."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

from connectors.contract.spoiling_proxy import Asked, Reply
from connectors.contract.subject import (
    STATES,
    Subject,
    as_read,
    difference,
    running,
    said,
)
from glucoflow.model.errors import GlucoflowError
from glucoflow.model.ingestion import KINDS, Window
from glucoflow.model.records import Record
from glucoflow.provider import Form, OAuth


@said
def is_described(subject: Subject) -> None:
    """Everything that pages, commands, settings and dashboards show is there, and fits together."""
    one = subject.provider
    settings = one.settings()
    assert one.name.isidentifier() and one.name == one.name.lower(), "the name is one lower-case word"
    assert one.title and 1 <= len(one.logo) <= 3, "a title, and a badge of one to three letters"
    assert one.kinds and set(one.kinds) <= set(KINDS), "kinds that glucoflow knows"
    assert list(one.kinds) == [kind for kind in KINDS if kind in one.kinds], "kinds in the order of KINDS"
    assert one.quirks.sensor_limits.low < one.quirks.sensor_limits.high, "a sensor begins below where it ends"
    assert one.quirks.sample_interval_ms > 0 and one.quirks.delay >= timedelta(), "an interval and a delay"
    assert one.quirks.freshness and not one.quirks.freshness.endswith("."), "words that follow “its readings come”"
    assert set(one.quirks.delays) <= set(one.regions), "delays of regions that there are"
    assert one.prefix, "settings have a prefix of their own"
    for name, setting in one.settings.model_fields.items():
        assert setting.description, f"the setting {name} has no description"
        assert not setting.is_required(), f"the setting {name} has no default"
    assert one.regions and one.region(settings) in one.regions, "the usual region is one of those there are"
    assert one.documentation, "a page of documentation"
    polling = one.polling(settings)
    assert timedelta() < polling.shortest <= polling.longest, "the shortest wait is no longer than the longest"
    assert timedelta() < polling.lag <= polling.deep_lag, "once a day it steps back no less than usual"
    cap = one.calls_per_hour(settings)
    assert cap is None or cap > 0, "a cap lets something through"
    match one.auth:
        case Form(fields=fields):
            assert fields and len({field.name for field in fields}) == len(fields), "fields with names of their own"
            assert all(field.label for field in fields), "every field has a label"
            assert any(field.secret for field in fields), "something that is hidden while it is typed"
            assert all(field.help for field in fields if field.optional), "why a field may be left out"
        case OAuth(allow=allow):
            assert allow, "what the button of consent says"


@said
def opens_without_a_call_and_closes_twice(subject: Subject) -> None:
    """`open` asks nobody anything; `close` may be called again."""
    with running(subject) as (run, proxy):
        assert not proxy.asked and not run.asked_for, "opening a connector makes no call"
        run.connector.close()
        run.connector.close()


@said
def says_what_it_holds(subject: Subject) -> None:
    """The extent is a window of aware times that every record lies in, or None where the provider cannot tell."""
    with running(subject) as (run, _):
        for kind in subject.provider.kinds:
            extent = run.connector.extent(kind)
            records = run.records(kind)
            if extent is None or kind in STATES:
                continue
            assert extent.start.tzinfo and extent.end.tzinfo, "aware times"
            assert extent.start < extent.end, "a window that is not empty: half-open, so its end is behind its last"
            outside = [one for one in records if not extent.start <= one.time < extent.end]
            assert not outside, f"{len(outside)} of {len(records)} {kind} lie outside what is said to be held"


@said
def pages_meet_and_cover_the_window(subject: Subject) -> None:
    """Oldest first, each with its own half-open window, records inside it in time order, with aware times."""
    with running(subject) as (run, _):
        for kind in subject.provider.kinds:
            pages = run.pages(kind)
            assert pages, f"no page of {kind}: a window without records is a page without records"
            assert pages[0].window.start <= subject.window.start, f"{kind}: the first page begins behind the window"
            assert pages[-1].window.end >= subject.window.end, f"{kind}: the last page ends before the window"
            for before, after in pairwise(pages):
                assert before.window.end == after.window.start, f"{kind}: pages do not meet"
            for page in pages:
                times = [record.time for record in page.records]
                assert all(time.tzinfo for time in times), f"{kind}: a time without a zone"
                assert times == sorted(times), f"{kind}: not in time order"
                assert kind in STATES or all(page.window.start <= time < page.window.end for time in times), (
                    f"{kind}: a record outside its page's half-open window"
                )
        assert run.records(), "the double holds readings in the window"


@said
def every_record_comes_once_however_the_window_is_cut(subject: Subject) -> None:
    """Cut anywhere, also at a record's own moment, the same records come, each once."""
    dice = Random(7)
    with running(subject) as (run, _):
        for kind in subject.provider.kinds:
            whole = sorted(as_read(run.records(kind)))
            assert len({key for key, *_ in whole}) == len(whole), f"{kind}: one key for two records"
            if kind in STATES:
                continue
            start, end = subject.window.start, subject.window.end
            cuts = {start + (end - start) * dice.random() for _ in range(3)}
            cuts |= {one.time for one in dice.sample(run.records(kind), k=min(2, len(whole)))}
            parts = [Window(*pair) for pair in pairwise([start, *sorted(cuts - {start, end}), end])]
            pieces = [one for part in parts for one in as_read(run.records(kind, part))]
            assert sorted(pieces) == whole, f"{kind}: cut in {len(parts)} parts, {difference(pieces, whole)}"


@said
def keys_stay(subject: Subject) -> None:
    """Another connector, another day: the same records have the same keys and say the same."""
    with running(subject) as (first, _), running(subject) as (second, _):
        for kind in subject.provider.kinds:
            assert as_read(first.records(kind)) == as_read(second.records(kind)), f"{kind}: keys or values changed"


@said
def killed_and_begun_again_nothing_is_lost(subject: Subject) -> None:
    """Dropped in the middle of its pages, another connector goes on where the last whole page ended."""
    longer = Window(subject.window.start - timedelta(days=40), subject.window.end)
    with running(subject) as (run, _):
        whole = as_read(run.records(window=longer))
    kept: list[Record] = []
    done = longer.start
    for _ in range(10_000):
        with running(subject) as (run, _):
            pages = run.connector.pages("readings", Window(done, longer.end))
            page = next(pages, None)
            assert page is not None and page.window.end > done, "a page that gets nowhere"
            kept += page.records
            done = page.window.end
            with suppress(StopIteration, GlucoflowError):
                next(pages)  # on its way when it is killed
            pages.close()  # type: ignore[attr-defined]  # a generator, as every connector's pages are
        if done >= longer.end:
            break
    assert as_read(kept) == whole, difference(as_read(kept), whole)


@said
def a_bad_record_is_rejected_and_the_rest_is_read(subject: Subject) -> None:
    """One record that is no record costs nothing but itself, and is kept with its reason."""
    with running(subject) as (run, _):
        whole = sorted(as_read(run.records()))
    spoilt = 0

    def spoil(_: Asked, reply: Reply) -> Reply:
        nonlocal spoilt
        body = _with_bad_record(reply.body)
        spoilt += body is not None
        return reply if body is None else reply.with_body(body)

    with running(subject, spoil) as (run, _):
        pages = run.pages()
    assert spoilt, "no answer of the double held a list of records that could be spoilt"
    rejected = [one for page in pages for one in page.rejected]
    assert rejected, "a record that is no record was not rejected"
    assert all(one.field and one.reason for one in rejected), "a rejected record says which field and why"
    assert sorted(as_read([one for page in pages for one in page.records])) == whole, "other records went with it"


def _with_bad_record(body: bytes) -> bytes | None:
    """The answer with 17 put among its records, in the first list of objects there is."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    for found in _lists(answer):
        if len(found) > 3 and all(isinstance(one, dict) for one in found):
            found.insert(len(found) // 2, 17)
            return json.dumps(answer).encode()
    return None


def _lists(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _lists(one)
