"""Kibana's HTTP API, as far as provisioning needs it, with faults told in words."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import requests
from pydantic import SecretStr
from requests.auth import HTTPBasicAuth

from glucoflow.kibana.template import Json
from glucoflow.model.errors import GlucoflowError, Misconfigured, Retryable, Unavailable

OLDEST: Final = (8, 12)
"""The oldest Kibana whose import takes these dashboards (links panels, versions of the objects)."""

TIMEOUT_S = 60.0
INTERNAL: Final = {"x-elastic-internal-origin": "glucoflow"}
"""Without it Kibana 9 does not let an API client set advanced settings, for which it has no public route."""

log = logging.getLogger(__name__)


class KibanaCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """A user with a password, or an API key; it must be allowed to manage spaces, roles and saved objects."""

    username: str | None = None
    password: SecretStr | None = None
    api_key: SecretStr | None = None

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"ApiKey {self.api_key.get_secret_value()}"} if self.api_key else {}

    def auth(self) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
        """Puts in the user and password, or nothing: without one, `requests` would look into a .netrc."""
        if self.api_key or self.username is None:
            return lambda request: request
        return HTTPBasicAuth(self.username, self.password.get_secret_value() if self.password else "")


class RequestRejected(GlucoflowError):
    """Kibana answered with an error that no rule of `_fault` knows; `status` is the HTTP status."""

    def __init__(self, status: int, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class Kibana:
    """One Kibana. Use it as a context manager; every method raises `glucoflow.model.errors`."""

    def __init__(self, base_url: str, credentials: KibanaCredentials, *, ca_certs: Path | None = None) -> None:
        self._base = base_url.rstrip("/")
        self._credentials = credentials
        self._ca = ca_certs
        self._http: requests.Session | None = None

    def __enter__(self) -> "Kibana":
        if self._ca is not None and not self._ca.is_file():
            raise Misconfigured(
                "The connection to Kibana cannot be set up.", remedy=f"Check the CA file: {self._ca} is not there."
            )
        session = requests.Session()
        session.verify = str(self._ca) if self._ca else True
        session.auth = self._credentials.auth()
        session.headers.update({"kbn-xsrf": "true", **self._credentials.headers()})
        self._http = session
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http:
            self._http.close()

    def check(self) -> str:
        """Kibana's version. Raises unless it is there, lets us in, is at least 8.12 and is ready."""
        answer = self.call("GET", "/api/status")
        version, level = _version_and_level(answer)
        if version is None:
            raise Misconfigured(
                "Kibana does not tell its version to this user.", remedy="Check KIBANA_USER and KIBANA_PASSWORD."
            )
        if _numbers(version) < OLDEST:
            raise Misconfigured(
                f"Kibana {version} is too old for these dashboards.", remedy="Use Kibana 8.12 or later."
            )
        if level not in (None, "available", "degraded"):
            raise Retryable(f"Kibana is not ready yet: it says {level}.", remedy="Wait a minute and try again.")
        return version

    def call(self, method: str, path: str, body: Json | None = None, *, absent_ok: bool = False) -> Json:
        """One request with a JSON body; an empty answer is {}. With `absent_ok` a 404 is {} too."""
        answer = self._send(method, path, json=body) if body is not None else self._send(method, path)
        if absent_ok and answer.status_code == 404:
            return {}
        return _answered(answer, method, path)

    def put_space(self, space: Json, features: Sequence[str]) -> bool:
        """Makes or updates a space that shows only features whose names begin so; True when it is new.

        A Kibana that does not let spaces hide features shows all of them.
        """
        hidden = {**space, "disabledFeatures": self._others_than(features)}
        answer = self._send("POST", "/api/spaces/space", json=hidden)
        if answer.status_code == 400:
            hidden = {**space, "disabledFeatures": []}
            answer = self._send("POST", "/api/spaces/space", json=hidden)
        if answer.status_code != 409:
            _answered(answer, "POST", "/api/spaces/space")
            return True
        path = f"/api/spaces/space/{space['id']}"
        answer = self._send("PUT", path, json=hidden)
        if answer.status_code == 400:
            answer = self._send("PUT", path, json={**space, "disabledFeatures": []})
        _answered(answer, "PUT", path)
        return False

    def _others_than(self, kept: Sequence[str]) -> list[str]:
        """The features of this Kibana whose names do not begin with one of these; none where it does not tell."""
        answer = self._send("GET", "/api/features")
        if answer.status_code in (400, 403, 404):
            return []
        told = _answered(answer, "GET", "/api/features").get("items", [])
        names = [str(one["id"]) for one in told if isinstance(one, dict) and "id" in one]
        return sorted(name for name in names if not name.startswith(tuple(kept)))

    def put_settings(self, space: str, changes: Json) -> None:
        """Advanced settings of one space. One that the operator locked in kibana.yml stays, which is logged."""
        for path in ("/internal/kibana/settings", "/api/kibana/settings"):  # the older ones know the second
            answer = self._send("POST", f"/s/{space}{path}", json={"changes": changes}, headers=INTERNAL)
            if answer.status_code != 404:
                break
        if answer.status_code >= 300:
            log.warning("the Kibana space %s keeps its settings (answer %s)", space, answer.status_code)

    def export(self, space: str) -> list[Json]:
        """Every dashboard, data view, tag and list of a space, as import takes them."""
        body = {"type": ["dashboard", "index-pattern", "search", "tag"], "excludeExportDetails": True}
        answer = self._send("POST", f"/s/{space}/api/saved_objects/_export", json=body)
        if answer.status_code == 400:
            return []  # nothing there to export
        if answer.status_code >= 300:
            _answered(answer, "POST", "/api/saved_objects/_export")
        return [json.loads(line) for line in answer.text.splitlines() if line.strip()]

    def import_(self, space: str, ndjson: bytes) -> None:
        """Imports over what is there. Kibana answers 200 even when it failed, so `success` decides."""
        files = {"file": ("glucoflow.ndjson", ndjson, "application/ndjson")}
        path = f"/s/{space}/api/saved_objects/_import"
        answer = _answered(self._send("POST", f"{path}?overwrite=true", files=files), "POST", path)
        if not answer.get("success"):
            raise Misconfigured(
                f"Kibana did not take the dashboards: {_reasons(answer)}.",
                remedy="Look at them in Kibana under Stack Management, Saved Objects; then provision again.",
            )

    def _send(self, method: str, path: str, **how: Any) -> requests.Response:
        if self._http is None:
            raise RuntimeError("use Kibana as a context manager")
        with self._reachable():
            return self._http.request(method, self._base + path, timeout=TIMEOUT_S, allow_redirects=False, **how)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except requests.Timeout as error:
            raise Retryable(
                f"Kibana did not answer within {TIMEOUT_S:.0f} s.", remedy="Look whether it is overloaded; try again."
            ) from error
        except (requests.RequestException, OSError) as error:
            raise Unavailable(
                f"Kibana cannot be reached at {_shown(self._base)}.",
                remedy="Start it, or correct KIBANA_URL; a certificate of your own needs its CA file.",
            ) from error


def _shown(url: str) -> str:
    """An address without user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "the given address"


def _answered(answer: requests.Response, method: str, path: str) -> Json:
    """The answer's JSON; raises what its status means."""
    status = answer.status_code
    if status in (401, 403):
        what = "refuses this user and password" if status == 401 else "does not allow this user to do that"
        raise Misconfigured(
            f"Kibana {what} ({method} {path}).",
            remedy="Check KIBANA_USER and KIBANA_PASSWORD; the user must manage spaces, roles and saved objects.",
        )
    if status == 422:
        raise Misconfigured("This Kibana is too old for the dashboards.", remedy="Use Kibana 8.12 or later.")
    if status in (429, 502, 503, 504):
        raise Retryable(f"Kibana is busy or starting ({status}).", remedy="Wait a minute and try again.")
    if status >= 300:
        raise RequestRejected(status, f"Kibana answered {status} to {method} {path}: {_message(answer)}")
    if not answer.content:
        return {}
    try:
        answered = answer.json()
    except ValueError as error:
        raise Misconfigured(
            "What answers at KIBANA_URL is not Kibana.", remedy="Correct KIBANA_URL, its base path included."
        ) from error
    return answered if isinstance(answered, dict) else {"items": answered}


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("message", ""))[:300]
    except (ValueError, AttributeError):
        return "no reason given"


def _version_and_level(status: Json) -> tuple[str | None, str | None]:
    version = status.get("version")
    number = version.get("number") if isinstance(version, dict) else None
    overall = (status.get("status") or {}).get("overall")
    return number, overall.get("level") if isinstance(overall, dict) else None


def _numbers(version: str) -> tuple[int, int]:
    parts = [int("".join(c for c in part if c.isdigit()) or 0) for part in version.split(".")[:2]]
    return (parts[0], parts[1]) if len(parts) == 2 else (0, 0)


def _reasons(answer: Json) -> str:
    errors = answer.get("errors") or []
    answered = [f"{one.get('type')} {one.get('id')} ({(one.get('error') or {}).get('type')})" for one in errors[:5]]
    more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
    return ", ".join(answered) + more if answered else "no reason given"
