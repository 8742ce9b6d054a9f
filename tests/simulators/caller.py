"""A plain HTTP client of the simulator, which knows nothing of its code but the addresses."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson

from glucoflow.simulators.dexcom import Simulator

REDIRECT = "http://localhost:8321/oauth/callback"
LOGIN = {
    "client_id": "glucoflow-demo",
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": "offline_access",
    "state": "a b&c",
}
APP = {"client_id": "glucoflow-demo", "client_secret": "not-a-secret"}

Record = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """What a client does, step by step."""

    sim: Simulator
    http: httpx.Client

    def login(self, **changes: str) -> httpx.Response:
        """The login page with a good query, but for `changes`; an empty value leaves the parameter out."""
        query = {name: value for name, value in {**LOGIN, **changes}.items() if value}
        return self.http.get("/v3/oauth2/login", params=query)

    def code(self, person: str = "alma") -> str:
        """A fresh code of a person who approves at once."""
        return landed(self.login(person=person, auto="1"))["code"]

    def token(self, **form: str) -> httpx.Response:
        """A token request with the right client, but for what `form` says."""
        return self.http.post("/v3/oauth2/token", data={**APP, **form})

    def exchange(self, code: str, **form: str) -> httpx.Response:
        """The exchange of a code."""
        return self.token(**{"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **form})

    def refresh(self, refresh_token: str) -> httpx.Response:
        """A refresh."""
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def tokens(self, person: str = "alma") -> Record:
        """A new authorization, through the whole code flow."""
        answer: Record = self.exchange(self.code(person)).raise_for_status().json()
        return answer

    def get(self, path: str, access: str, **query: str) -> httpx.Response:
        """A data call."""
        headers = {"Authorization": f"Bearer {access}"}
        return self.http.get(f"/v3/users/self/{path}", params=query, headers=headers)

    def window(self, path: str, access: str, start: datetime, end: datetime) -> httpx.Response:
        """A data call for a window."""
        return self.get(path, access, startDate=plain(start), endDate=plain(end))

    def records(self, person: str, kind: str, start: datetime, end: datetime) -> list[Record]:
        """All records of a window of any length, asked for in pieces of 30 days, oldest first."""
        access, found = self.tokens(person)["access_token"], []
        while start < end:
            stop = min(end, start + timedelta(days=30))
            answer = self.window(kind, access, start, stop).raise_for_status()
            found += reversed(orjson.loads(answer.content)["records"])
            start = stop
        return sorted(found, key=lambda record: record["systemTime"])


def landed(answer: httpx.Response) -> dict[str, str]:
    """The parameters with which the browser was sent back to the app."""
    assert answer.status_code == 302, answer.text
    target = urlsplit(answer.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == REDIRECT
    return {name: values[0] for name, values in parse_qs(target.query).items()}


def plain(moment: datetime) -> str:
    """As the data endpoints want it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def utc(text: str) -> datetime:
    """A systemTime."""
    return datetime.fromisoformat(text)
