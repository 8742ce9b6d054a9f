"""Plays a scenario: a cloud that holds its accounts over HTTP, a real node, a real database, and glucoflow between."""

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from pydantic import HttpUrl, SecretStr

from connectors.dexcom import DexcomSettings
from glucoflow.es.provision import delete_user
from glucoflow.model.errors import GlucoflowError
from glucoflow.provider import Limits
from glucoflow.service.accounts import connection_of_person, undo_connection
from glucoflow.service.backfill import backfill_person, checked_window, summarized
from glucoflow.service.batches import replay, run_batch, sync_due
from glucoflow.service.connect import connect_account, connection_for
from glucoflow.service.jobs import SYNC_JOB, Outcome
from glucoflow.service.providers import Providers
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import ElasticsearchSettings, Settings, StoreSettings
from glucoflow.simulators.dexcom import Client, Fault, SettableClock, Simulator, running_simulator
from glucoflow.simulators.dexcom.given import GivenArchive
from glucoflow.simulators.fault_injection import FaultKind, Faults
from glucoflow.simulators.faulty_wire import Asked
from tests.node import Node
from tests.processes import environment_of
from tests.scenarios import written as w
from tests.scenarios.clouds import SIGN_IN, Cloud, running_cloud
from tests.scenarios.expecting import mistakes, words
from tests.scenarios.forking import Job, started
from tests.scenarios.killed import DIED
from tests.scenarios.records import records_of

IMPATIENT = Limits(tries=2, first_wait_s=0.01, longest_wait_s=0.05, read_s=2, answer_s=3)
PROVIDER, REGION = "dexcom", "us"
TOKEN_PATH = "oauth2/token"
TOKEN_FAULTS: dict[str, FaultKind] = {"consume_then_reset": "lost"}


@dataclass(frozen=True)
class Place:
    """Where a scenario is played: the node, index names, a folder, and a database (None: SQLite in the folder)."""

    node: Node
    prefix: str
    folder: Path
    database: str | None = None


@dataclass
class Stage:
    """One scenario under way. `log` is what happened, for whoever reads a failure."""

    place: Place
    scenario: w.Written
    clock: SettableClock
    archive: GivenArchive
    sim: Simulator
    rt: Runtime
    settings: Settings
    runtime: ExitStack
    cloud: Cloud | None = None
    """The double of another provider than Dexcom, where the scenario names one."""
    skew: timedelta = timedelta()
    log: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    faults: list[tuple[int, Fault]] = field(default_factory=list)

    def here(self) -> datetime:
        """What this machine's clock shows."""
        return self.clock() + self.skew

    def play(self) -> None:
        """All steps, in order; what went wrong is in `wrong`."""
        for number, step in enumerate(self.scenario.steps, 1):
            self.log.append(f"{number:3} {self.clock():%m-%d %H:%M} {_line(step)}")
            _ACTS[type(step)](self, step, number)

    def opened(self) -> Runtime:
        """glucoflow, with the settings as they are now."""
        settings = self.settings
        rt = self.runtime.enter_context(open_runtime(settings, self.here))
        doubles: dict[str, str] = {self.cloud.provider: self.cloud.url} if self.cloud else {}
        providers = Providers(
            settings=settings.providers, doubles=doubles, limits=IMPATIENT, budget=rt.providers.budget
        )
        return replace(rt, providers=providers, random=Random(1))

    @property
    def requests(self) -> list[Asked]:
        return self.cloud.requests if self.cloud else self.sim.requests

    @property
    def wire(self) -> Faults:
        return self.cloud.faults if self.cloud else self.sim.faults

    def reopened(self) -> None:
        self.runtime.close()
        self.rt = self.opened()

    def process(self, point: str, nth: int, user: str, job: str) -> Job:
        """A sync (`sync`), backfill (`2026-10-01..2026-10-02`) … in a process of its own; see `killed.py`."""
        dexcom = _app(self)
        assert dexcom.client_secret
        environment = environment_of(
            self.settings,
            DEXCOM_BASE_URL=str(dexcom.base_url),
            DEXCOM_CLIENT_ID=dexcom.client_id or "",
            DEXCOM_CLIENT_SECRET=dexcom.client_secret.get_secret_value(),
        )
        return started([point, str(nth), self.here().isoformat(), user, job], environment)


def played(place: Place, scenario: w.Written) -> Stage:
    """The scenario from its first step to its last; then everything of it is gone again."""
    with staged(place, scenario) as stage:
        stage.play()
        _clear(stage, w.Clear(), len(scenario.steps))
    return stage


@contextmanager
def staged(place: Place, scenario: w.Written) -> Iterator[Stage]:
    """Everything is there and nobody is connected yet; gone again afterwards."""
    clock = SettableClock(scenario.now)
    theirs = scenario.accounts if scenario.provider == PROVIDER else {}
    archive = GivenArchive({name: records_of(account) for name, account in theirs.items()})
    with ExitStack() as stack:
        sim = stack.enter_context(running_simulator(archive.scenario, clock, archive=archive))
        runtime = stack.enter_context(ExitStack())
        stage = Stage(place, scenario, clock, archive, sim, _NOT_YET, _settings(place, sim), runtime)
        if scenario.provider != PROVIDER:
            stage.cloud = stack.enter_context(running_cloud(scenario.provider, scenario.accounts, clock))
        stage.rt = stage.opened()
        try:
            for one in scenario.people:
                zone = one.zone or scenario.zone
                stage.rt.store.people.add(one.id, one.id, stage.here(), unit=one.unit, zone=zone)
            yield stage
        finally:
            for one in scenario.people:
                delete_user(stage.rt.client, stage.rt.names, one.id)


_NOT_YET: Any = None


def _settings(place: Place, sim: Simulator) -> Settings:
    es = ElasticsearchSettings(
        endpoint=HttpUrl(place.node.url), user=place.node.username, password=place.node.password, index=place.prefix
    )
    store = StoreSettings(data_dir=place.folder, database_url=SecretStr(place.database) if place.database else None)
    dexcom = DexcomSettings(
        base_url=HttpUrl(sim.base_url),
        client_id=Client.id,
        client_secret=SecretStr(Client().secret),
        poll_min_minutes=5,
        poll_max_minutes=6,
        maintenance_start=time(),
        maintenance_end=time(),
    )
    loaded = Settings.load()
    providers = {**loaded.providers, PROVIDER: dexcom}
    return loaded.model_copy(update={"es": es, "store": store, "providers": providers})


def _line(step: w.AnyStep) -> str:
    said = {name: value for name, value in msgspec.to_builtins(step).items() if value not in (None, [], {}, False)}
    return " ".join(str(value) if name == "do" else f"{name}={value}" for name, value in said.items())[:200]


def _connect(stage: Stage, step: w.Connect, _: int) -> None:
    if stage.cloud:
        stage.cloud.sign_in(stage.rt, step.user, step.account, stage.here())
    else:
        sign_in(stage.rt, step.user, step.account, stage.here())


def sign_in(rt: Runtime, user: str, account: str, now: datetime) -> None:
    """What a browser would do: consent, follow the redirect back, exchange the code, store the credentials."""
    authorizer = rt.providers.authorizer(PROVIDER, REGION)
    again = connection_for(rt.store, user, PROVIDER)
    state = rt.store.oauth_states.create(user, PROVIDER, REGION, now, connection_id=again)
    consent = httpx.get(f"{authorizer.authorize_url(state)}&person={account}&auto=1", timeout=120)
    answer = parse_qs(urlsplit(consent.headers["location"]).query)
    started = rt.store.oauth_states.consume(answer["state"][0], now)
    assert started is not None
    connect_account(rt.store, started, authorizer.exchange(answer["code"][0], now), now)


def _confirm(stage: Stage, step: w.Confirm, _: int) -> None:
    one = connection_of_person(stage.rt.store, step.user, None, lambda one: one.asks_account)
    stage.rt.store.connections.confirm_account(one.id, stage.here())


def _undo(stage: Stage, step: w.Undo, _: int) -> None:
    undo_connection(stage.rt, connection_of_person(stage.rt.store, step.user, None))


def _replay(stage: Stage, step: w.Replay, _: int) -> None:
    _tell(stage, lambda: replay(stage.rt, step.user))


def _sync(stage: Stage, step: w.Sync, number: int) -> None:
    rt = stage.rt
    if step.kill:
        return _killed(stage, step.kill, step.nth, step.user, "sync", number)
    if step.all and not step.due:
        for connection in rt.store.connections.list():
            if connection.state == "connected":
                rt.store.connections.schedule(connection.id, stage.here())
    owner = uuid.uuid4().hex
    return _tell(
        stage,
        lambda: sync_due(
            rt,
            owner,
            lambda batch: run_batch(rt, batch, SYNC_JOB, owner, step.threads),
            None if step.all or step.due else step.user,
        ),
    )


def _backfill(stage: Stage, step: w.Backfill, number: int) -> None:
    rt = stage.rt
    if step.kill:
        return _killed(stage, step.kill, step.nth, step.user, f"{step.first}..{step.last}", number)
    window = checked_window(step.first, step.last, rt.store.people.get(step.user).zone, stage.here())

    def run() -> list[Outcome]:
        outcomes = backfill_person(rt, step.user, window, None, step.kinds, lambda _share: None)
        return summarized(rt, step.user, window, outcomes)

    return _tell(stage, run)


def _tell(stage: Stage, run: Callable[[], list[Outcome]]) -> None:
    if stage.cloud:
        stage.cloud.settle(stage.clock())
    try:
        for one in run():
            counts = {name: n for name, n in msgspec.to_builtins(one.counts).items() if n}
            stage.log.append(f"      {one.user_id} {one.status} {counts} {one.message} {one.remedy}")
    except GlucoflowError as error:
        stage.log.append(f"      RAISED {type(error).__name__} {error.message} {error.remedy}")


def _app(stage: Stage) -> DexcomSettings:
    own = stage.settings.providers[PROVIDER]
    assert isinstance(own, DexcomSettings)
    return own


def _killed(stage: Stage, point: str, nth: int, user: str, job: str, number: int) -> None:
    done = stage.process(point, nth, user, job)
    if done.wait() != DIED:
        stage.wrong.append(
            f"step {number}: it was not killed at {point} (exit {done.returncode}): {done.said()[-800:]}"
        )


def _advance(stage: Stage, step: w.Advance, _: int) -> None:
    stage.clock.advance(step.length)


def _skew(stage: Stage, step: w.Skew, _: int) -> None:
    stage.skew = step.length


def _during(stage: Stage, step: w.During, _: int) -> None:
    def passes(asked: Asked) -> None:
        if asked.path.endswith(step.after):
            stage.clock.advance(step.length)

    stage.sim.records.on_answer.append(passes)


def _fault(stage: Stage, step: w.FaultStep, number: int) -> None:
    kind = step.kind or ("status" if step.status is not None else "slow")
    day = None if step.contains is None else date.fromisoformat(step.contains[:10])
    _arm(
        stage,
        number,
        Fault(
            msgspec.convert(kind, FaultKind),
            path=_path(stage, step.path),
            times=step.times,
            skip=step.skip,
            person=step.account,
            day=day,
            status=step.status or 503,
            body=step.body,
            retry_after=step.retry_after,
            records=step.records,
            seconds=step.delay or 1.0,
        ),
    )


def _path(stage: Stage, written: str) -> str:
    if stage.cloud:
        return stage.cloud.path(written)
    return "/users/self/" if written == "*" else f"/users/self/{written}$"


def _token_fault(stage: Stage, step: w.TokenFault, number: int) -> None:
    kind = TOKEN_FAULTS.get(step.kind) or msgspec.convert(step.kind, FaultKind)
    path = SIGN_IN[stage.cloud.provider] if stage.cloud else TOKEN_PATH
    _arm(stage, number, Fault(kind, path=path, times=step.times, status=step.status, body=step.body))


def _arm(stage: Stage, number: int, fault: Fault) -> None:
    stage.faults.append((number, fault))
    stage.wire.add(fault)


def _clear(stage: Stage, _: w.Clear, number: int) -> None:
    """A fault that never took place would prove nothing, so that is a mistake of the scenario."""
    del number
    for armed, fault in stage.faults:
        if fault not in stage.wire.met:
            stage.wrong.append(f"step {armed}: this fault was never met, so nothing is shown")
    stage.faults.clear()
    stage.wire.clear()
    stage.sim.records.on_answer.clear()


def _data_range(stage: Stage, step: w.DataRangeStep, _: int) -> None:
    stage.archive.ranges[step.account] = step.answer


def _new_client(stage: Stage, step: w.NewClient, _: int) -> None:
    stage.sim.register(Client(step.id))
    stage.settings = stage.settings.model_copy(
        update={
            "providers": {**stage.settings.providers, PROVIDER: _app(stage).model_copy(update={"client_id": step.id})}
        }
    )
    stage.reopened()


def _revoke(stage: Stage, step: w.Revoke, _: int) -> None:
    stage.sim.revoke(step.account)


def _sign_out(stage: Stage, _: w.SignOut, _number: int) -> None:
    assert stage.cloud, "Dexcom has no sessions"
    stage.cloud.sign_out()


def _account(stage: Stage, step: w.AccountStep, _: int) -> None:
    assert stage.cloud, "an account of Dexcom has nothing that could be changed"
    stage.cloud.change(step.account, step.fields)


def _delete_index(stage: Stage, step: w.DeleteIndex, _: int) -> None:
    alias = stage.rt.names.alias(step.user)
    for index in stage.rt.client.indices.get_alias(name=alias):
        stage.rt.client.indices.delete(index=index)


def _restart(stage: Stage, _: w.Restart, _number: int) -> None:
    stage.reopened()


def _es(stage: Stage, step: w.Es, _: int) -> None:
    stage.rt.client.perform_request(
        step.method,
        re.sub(r"\{index:(\w+)\}", lambda found: stage.rt.names.alias(found[1]), step.path),
        body=step.body,
        headers={"content-type": "application/json", "accept": "application/json"},
    )


def _expect(stage: Stage, step: w.Expect, number: int) -> None:
    calls = Counter(asked.path.rsplit("/", 1)[-1] for asked in stage.requests)
    found = [f"step {number}: {line}" for line in mistakes(stage.rt, step, stage.clock(), calls)]
    said = words(list(stage.rt.store.connections.for_user(step.user)))
    stage.log += [f"      {said}", *(f"      WRONG {line}" for line in found)]
    stage.wrong += found


_ACTS: dict[type, Callable[[Stage, Any, int], None]] = {
    w.Connect: _connect,
    w.Confirm: _confirm,
    w.Undo: _undo,
    w.Replay: _replay,
    w.Sync: _sync,
    w.Backfill: _backfill,
    w.Advance: _advance,
    w.Skew: _skew,
    w.During: _during,
    w.FaultStep: _fault,
    w.TokenFault: _token_fault,
    w.Clear: _clear,
    w.DataRangeStep: _data_range,
    w.NewClient: _new_client,
    w.Revoke: _revoke,
    w.SignOut: _sign_out,
    w.AccountStep: _account,
    w.DeleteIndex: _delete_index,
    w.Restart: _restart,
    w.Es: _es,
    w.Expect: _expect,
}
