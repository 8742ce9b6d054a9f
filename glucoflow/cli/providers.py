"""`providers` and `connect`: which sources there are, and signing a person in at one without the pages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import typer
from pydantic import SecretStr

from glucoflow.cli.console import print_json, say, show_table
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Kind
from glucoflow.model.words import length
from glucoflow.provider import Form, OAuth, Provider
from glucoflow.service.connect import connect_account, connection_for
from glucoflow.service.providers import Providers
from glucoflow.service.runtime import store_of
from glucoflow.settings import Settings
from glucoflow.store import OAuthState, Store


class ProviderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One provider as `providers` shows it. `missing` says what it needs before anybody can connect."""

    name: str
    title: str
    kinds: tuple[Kind, ...]
    sign_in: str
    delay_seconds: int
    usable: bool
    missing: str | None = None


def show_providers(settings: Settings, as_json: bool) -> int:
    """A table, or JSON on standard output; 1 where one is installed that cannot be loaded."""
    providers = Providers(settings=settings.providers)
    found = [_status(providers, one) for one in providers.all()]
    if as_json:
        print_json(found)
    else:
        show_table("Providers", ("name", "title", "kinds", "sign-in", "delay", "set up"), map(_row, found))
    for name, reason in providers.installed.broken.items():
        say(f"{name} cannot be loaded: {reason}", error=True)
    return 1 if providers.installed.broken else 0


def connect_now(settings: Settings, user_id: str, name: str, region: str | None) -> None:
    """Sign a person in at a provider, asking at the terminal. Raises what the provider and the store raise."""
    providers = Providers(settings=settings.providers)
    provider = providers.get(name)
    where = region or providers.region(name)
    providers.site(name, where)
    with store_of(settings.store) as store:
        store.people.get(user_id)
        if isinstance(provider.auth, OAuth):
            _by_consent(store, providers, user_id, provider, provider.auth.allow, where)
        else:
            _by_form(store, providers, user_id, provider, provider.auth, where)
    say(f"{user_id} is connected to {provider.title}. `glucoflow sync --user {user_id}` fetches what there is.")


def _status(providers: Providers, provider: Provider[Any]) -> ProviderStatus:
    missing = providers.missing(provider.name)
    return ProviderStatus(
        name=provider.name,
        title=provider.title,
        kinds=provider.kinds,
        sign_in="at the provider" if isinstance(provider.auth, OAuth) else "form",
        delay_seconds=int(provider.quirks.delay.total_seconds()),
        usable=missing is None,
        missing=None if missing is None else missing.message,
    )


def _row(one: ProviderStatus) -> tuple[str, ...]:
    delay = length(timedelta(seconds=one.delay_seconds))
    said = "yes" if one.usable else f"no: {one.missing}"
    return one.name, one.title, ", ".join(one.kinds), one.sign_in, delay, said


def _by_consent(
    store: Store, providers: Providers, user_id: str, provider: Provider[Any], allow: str, region: str
) -> None:
    authorizer = providers.authorizer(provider.name, region)
    again = connection_for(store, user_id, provider.name)
    state = store.oauth_states.create(user_id, provider.name, region, datetime.now(UTC), connection_id=again)
    say(f"Open this address, sign in, and choose “{allow}”:\n\n{authorizer.authorize_url(state)}\n")
    given = typer.prompt("The address that your browser was sent to afterwards", hide_input=True)
    answer = {word: values[0] for word, values in parse_qs(urlsplit(given.strip()).query).items()}
    now = datetime.now(UTC)
    started = store.oauth_states.consume(answer.get("state", ""), now)
    if started is None or answer.get("state") != state or "code" not in answer:
        raise Rejected("address", "not the one that belongs to this sign-in, or consent was not given; start again")
    connect_account(store, started, authorizer.exchange(answer["code"], now), now)


def _by_form(
    store: Store, providers: Providers, user_id: str, provider: Provider[Any], form: Form[Any], region: str
) -> None:
    now = datetime.now(UTC)
    credentials = providers.log_in(provider.name, region, _asked(form), now)
    again = connection_for(store, user_id, provider.name)
    connect_account(
        store, OAuthState(user_id=user_id, provider=provider.name, region=region, connection_id=again), credentials, now
    )


def _asked(form: Form[Any]) -> Mapping[str, SecretStr]:
    """What is typed for each field; secrets are not shown."""
    values: dict[str, SecretStr] = {}
    for field in form.fields:
        if field.help:
            say(field.help)
        given = typer.prompt(field.label, default="" if field.optional else None, hide_input=field.secret)
        if given:
            values[field.name] = SecretStr(given)
    return values
