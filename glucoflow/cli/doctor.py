"""`glucoflow doctor`: every part that glucoflow needs, looked at one by one, with the cure of what is wrong."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import requests
from rich.console import Console
from rich.markup import escape

from glucoflow.backup.keeping import backups_in, made_by
from glucoflow.es.client import check
from glucoflow.es.names import Names
from glucoflow.es.snapshots import named
from glucoflow.installed import installed
from glucoflow.model.errors import GlucoflowError, Misconfigured, Unavailable
from glucoflow.model.words import count
from glucoflow.node.java import find_usable
from glucoflow.provider import Provider
from glucoflow.service import running
from glucoflow.service.maintenance import nobodys, nobodys_words
from glucoflow.service.overdue import overdue_of
from glucoflow.service.prefect_api import prefect_api
from glucoflow.service.providers import SIMULATOR, Providers
from glucoflow.service.runtime import callback_of, doubles, elasticsearch_of, open_runtime, store_of
from glucoflow.settings import Settings

LEAST_FREE_BYTES = 2 * 2**30
MOST_SKEW_SECONDS = 120
OLDEST_BACKUP = timedelta(days=2)
_NO_BACKUP = "Look at the last runs of the flow `backup` in Prefect, or make one now: `glucoflow backup`."

Check = tuple[str, Callable[[], str]]
"""A part's name, and what looks at it: returns a finding in words, or raises with the cure."""


def examine(settings: Settings, quick: bool) -> int:
    """Print one line a part; exit code 0 if all is well, else that of the first failure."""
    console = Console()
    code = 0
    for name, look in checks(settings, quick):
        try:
            console.print(f"[green]✓[/] {name:<14} {escape(look())}", highlight=False, soft_wrap=True)
        except GlucoflowError as error:
            console.print(f"[red]✗[/] {name:<14} {escape(error.message)}", highlight=False, soft_wrap=True)
            if error.remedy:
                console.print(f"  {'':<14} → {error.remedy}", highlight=False, markup=False, soft_wrap=True)
            code = code or error.exit_code
        except OSError as error:
            where = f"{error.filename} " if error.filename else ""
            words = escape(f"{where}cannot be used ({error.strerror or type(error).__name__}).")
            console.print(f"[red]✗[/] {name:<14} {words}", highlight=False, soft_wrap=True)
            code = code or Unavailable.exit_code
    return code


def checks(settings: Settings, quick: bool) -> Iterator[Check]:
    """What to look at, in the order in which one needs the other."""
    yield "store and key", lambda: _store(settings, quick)
    yield "Elasticsearch", lambda: _elasticsearch(settings)
    if quick:
        return
    if settings.es.endpoint is None:
        yield "Java", lambda: _java()
    yield "people", lambda: _people(settings)
    yield "disk", lambda: _disk(settings)
    yield "backups", lambda: _backups(settings)
    yield "consents", lambda: _consents(settings)
    yield "Prefect", lambda: _prefect(settings)
    yield "schedule", lambda: _schedule(settings)
    for provider in _in_use(settings):
        yield provider.title, partial(_provider, settings, provider)
    yield "clock", lambda: _clock(settings)


def _store(settings: Settings, quick: bool) -> str:
    with store_of(settings.store) as store:
        if quick:
            store.check()
        else:
            store.examine()
        people = len(store.people.list())
    where = "PostgreSQL" if settings.store.database_url else "SQLite"
    return f"{where}, {count(people, 'person', 'people')}; the key fits"


def _consents(settings: Settings) -> str:
    with store_of(settings.store) as store:
        waves = store.connections.refusal_waves(datetime.now(UTC))
        asked = sum(one.state == "needs_reauthorization" for one in store.connections.list())
    if waves:
        said = "; ".join(
            f"{one.provider} ({one.region}) refuses {one.refused} of {count(one.tried, 'person', 'people')}"
            for one in waves
        )
        raise Misconfigured(
            f"{said}: that is a fault of the provider or of your app, not of their consent.",
            remedy="Look at the provider's status page and at your app in its developer portal (suspended, keys, "
            "rights). Nobody was asked to connect again; syncs go on by themselves once it is mended.",
        )
    return f"{count(asked, 'person has', 'people have')} to connect again" if asked else "nobody has to connect again"


def _elasticsearch(settings: Settings) -> str:
    client = elasticsearch_of(settings.es, settings.store)
    try:
        health = check(client, Names.below(settings.es.index).everything)
    finally:
        client.close()
    if health.flooded:
        raise Unavailable(
            f"Elasticsearch holds {', '.join(health.flooded)} read-only, as it does when its disk is nearly full.",
            remedy="Free disk space; then it lifts the block by itself, and what is missing is fetched.",
        )
    if health.read_only:
        raise Unavailable(
            f"Somebody made {', '.join(health.read_only)} read-only in Elasticsearch.",
            remedy="Take that setting off (index.blocks) where nobody wants it; then what is missing is fetched.",
        )
    if health.nearly_too_many_shards:
        raise Unavailable(
            f"Elasticsearch holds {health.shards:,} of the {health.most_shards:,} shards that its nodes may; at that "
            "number nobody new gets an index.",
            remedy="Raise cluster.max_shards_per_node, or add a node.",
        )
    shards = "" if health.most_shards is None else f", {health.shards:,} of {health.most_shards:,} shards"
    return f"version {health.version or 'unknown'}, {health.status}{shards}"


def _people(settings: Settings) -> str:
    """Whether store and Elasticsearch know the same people: a store that was lost leaves indices of nobody."""
    with open_runtime(settings) as rt:
        unknown, known = nobodys(rt), len(rt.store.people.list())
    if unknown:
        raise GlucoflowError(nobodys_words(unknown))
    return f"{known} in the store, and no index of anybody else"


def _java() -> str:
    home = find_usable()
    if home is None:
        return "none found; `glucoflow up` downloads one"
    return str(home)


def _disk(settings: Settings) -> str:
    folder = settings.store.data_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise Unavailable(
            f"Only {free / 2**30:.1f} GiB are free at {folder}; below 1 GiB Elasticsearch stops writing.",
            remedy="Free some space, or move the data folder (GLUCOFLOW_DATA_DIR).",
        )
    return f"{free / 2**30:.0f} GiB free"


def _backups(settings: Settings) -> str:
    repository = settings.backup.snapshot_repository
    if repository is not None:
        with closing(elasticsearch_of(settings.es, settings.store)) as client:
            named(client, repository, "glucoflow-*")
    now = datetime.now(UTC)
    made = made_by(backups_in(settings.backup.folder(settings.store.data_dir)), now)
    if not settings.backup.scheduled:
        by_hand = f"the newest is of {made[-1].made_at:%Y-%m-%d}" if made else "there is none"
        return f"none is made by itself, since no BACKUP_PASSPHRASE is set; {by_hand}"
    if not made:
        with store_of(settings.store) as store:
            first = min((one.created_at for one in store.people.list()), default=now)
        if now - first > OLDEST_BACKUP:
            raise Unavailable("There is no backup yet, though one is to be made every night.", remedy=_NO_BACKUP)
        return f"none yet; the first is made at {settings.backup.at:%H:%M} UTC"
    age = now - made[-1].made_at
    if age > OLDEST_BACKUP:
        raise Unavailable(
            f"The newest backup is {age.days} days old, though one is to be made every night.",
            remedy=_NO_BACKUP,
        )
    return f"{len(made)}, the newest of {made[-1].made_at:%Y-%m-%d %H:%M} UTC"


def _prefect(settings: Settings) -> str:
    api = prefect_api(settings)
    api.get("health")
    return api.address


def _schedule(settings: Settings) -> str:
    now = datetime.now(UTC)
    with store_of(settings.store) as store:
        overdue = overdue_of(settings, store, store.connections.list(), now)
    if overdue.cause is not None:
        late = count(len(overdue.connection_ids), "connection")
        raise Unavailable(f"{late}: {overdue.words(now)} {overdue.cause.message}", remedy=overdue.cause.remedy)
    return "no connection waits for longer than it should"


def _in_use(settings: Settings) -> list[Provider[Any]]:
    """The providers that somebody is connected to; where nobody is, or nobody knows, all of them."""
    known = list(installed().providers.values())
    try:
        with store_of(settings.store) as store:
            used = {one.provider for one in store.connections.list() if one.state != "disconnected"}
    except GlucoflowError:  # said by the first check
        return known
    return [one for one in known if one.name in used] or known


def _provider(settings: Settings, provider: Provider[Any]) -> str:
    providers = _providers(settings)
    demo = provider.name in providers.doubles
    missing = providers.missing(provider.name)
    if missing is not None and not demo:
        raise missing
    region = SIMULATOR if missing is not None else providers.region(provider.name)
    answer = _ask(providers, provider, region)
    if missing is not None:
        return f"the demo's answers; your own account needs more: {missing.message}"
    said = f" answers (HTTP {answer.status_code})" if answer is not None else ""
    return f"{region}{said}, all that it needs is set"


def _clock(settings: Settings) -> str:
    """Against the first provider that tells the time."""
    providers = _providers(settings)
    for provider in providers.all():
        usable = providers.missing(provider.name) is None
        region = providers.region(provider.name) if usable or provider.name not in providers.doubles else SIMULATOR
        stamp = None
        with suppress(Unavailable):  # said by its own line, if anybody uses it
            stamp = _told_time(_ask(providers, provider, region))
        if stamp is None:
            continue
        skew = (datetime.now(UTC) - stamp).total_seconds()
        if abs(skew) > MOST_SKEW_SECONDS:
            raise Misconfigured(
                f"This machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} {provider.title}'s.",
                remedy="Turn on time synchronisation (NTP); tokens and checkpoints depend on it.",
            )
        return f"{abs(skew):.0f} s from {provider.title}'s"
    return "no provider tells a time to compare with"


def _told_time(answer: requests.Response | None) -> datetime | None:
    """By its `Date`; None where it has none, or one that is none."""
    try:
        told = parsedate_to_datetime(answer.headers["date"]) if answer is not None else None
    except (KeyError, ValueError):
        return None
    return told if told is None or told.tzinfo is not None else told.replace(tzinfo=UTC)


def _providers(settings: Settings) -> Providers:
    up = running.find(settings.store.data_dir)
    return Providers(settings=settings.providers, doubles=doubles(settings, up), callback=callback_of(settings))


def _ask(providers: Providers, provider: Provider[Any], region: str) -> requests.Response | None:
    address = providers.address(provider.name, region)
    if address is None:
        return None
    try:
        return requests.get(address, timeout=10, allow_redirects=False)
    except requests.RequestException as error:
        raise Unavailable(
            f"{provider.title} cannot be reached ({type(error).__name__}).",
            remedy="Check this machine's network, proxy and firewall; what is due will be fetched later.",
        ) from error
