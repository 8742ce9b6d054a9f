"""Prefect's API as far as we ask it ourselves: plain HTTP, since importing its client takes a second."""

from collections.abc import Iterator
from random import SystemRandom
from typing import Any

import msgspec
import requests

from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.retry import RetryPolicy, retrying
from glucoflow.service import running
from glucoflow.settings import Settings

LOGIN_FILE = "prefect.login"
"""In the data folder: what a server of our own asks for, as its UI asks for it (user:password)."""

BUSY = RetryPolicy(tries=5, first_wait_s=0.2, longest_wait_s=2.0)
"""Its server answers 503 where its SQLite is locked for a moment. All that is asked here can be asked twice."""

_PAGE = 200


class _Busy(Unavailable):
    """It answers, but not just now."""


class PrefectApi(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is, and what it asks for. Every call raises Unavailable or Misconfigured with the cure."""

    address: str
    login: tuple[str, str] | None = None
    timeout_s: float = 5.0

    def get(self, path: str) -> Any:
        """What is at a path, or None where nothing is."""
        return self._ask("GET", path, None)

    def filtered(self, path: str, **query: Any) -> Any:
        """The answer to a filter."""
        return self._ask("POST", f"{path}/filter", query)

    def all(self, path: str, **query: Any) -> Iterator[Any]:
        """Everything that a filter lets through, page by page."""
        offset = 0
        while found := self.filtered(path, **query, limit=_PAGE, offset=offset):
            yield from found
            offset += len(found)

    def patch(self, path: str, **changes: Any) -> None:
        """Change what is there; nothing where nothing is."""
        self._ask("PATCH", path, changes)

    def delete(self, path: str) -> None:
        """Delete what is there; nothing where nothing is."""
        self._ask("DELETE", path, None)

    def _ask(self, method: str, path: str, query: Any) -> Any:
        return retrying(
            BUSY,
            lambda: self._once(method, path, query),
            random=SystemRandom(),
            again=lambda error: isinstance(error, _Busy),
        )

    def _once(self, method: str, path: str, query: Any) -> Any:
        try:
            answer = requests.request(
                method, f"{self.address}/{path}", json=query, auth=self.login, timeout=self.timeout_s
            )
        except requests.RequestException as error:
            raise self._silent(type(error).__name__) from error
        if answer.status_code == 404:
            return None
        if answer.status_code in (401, 403):
            raise Misconfigured(
                f"Prefect at {self.address} does not accept our password.",
                remedy="Set PREFECT_API_AUTH_STRING to what its server asks for.",
            )
        if not answer.ok:
            silent = self._silent(f"HTTP {answer.status_code}")
            raise _Busy(silent.message, remedy=silent.remedy) if answer.status_code == 503 else silent
        return answer.json() if answer.content else None

    def _silent(self, why: str) -> Unavailable:
        return Unavailable(
            f"Prefect, which runs the schedule, does not answer at {self.address} ({why}).",
            remedy="Start `glucoflow up`, or Prefect's server; what is due is fetched then.",
        )


def prefect_api(settings: Settings) -> PrefectApi:
    """That of the settings, or of what `glucoflow up` runs on the data folder. Raises Unavailable where is none."""
    if settings.prefect.api_url is not None:
        secret = settings.prefect.api_auth_string
        login = secret.get_secret_value() if secret else ""
        return PrefectApi(address=str(settings.prefect.api_url).rstrip("/"), login=_pair(login))
    up = running.find(settings.store.data_dir)
    if up is None or up.prefect is None:
        raise Unavailable("No Prefect server is running here.", remedy="Start `glucoflow up`, or set PREFECT_API_URL.")
    kept = settings.store.data_dir / LOGIN_FILE
    return PrefectApi(address=up.prefect.rstrip("/"), login=_pair(kept.read_text().strip() if kept.exists() else ""))


def _pair(login: str) -> tuple[str, str] | None:
    user, colon, password = login.partition(":")
    return (user, password) if colon else None
