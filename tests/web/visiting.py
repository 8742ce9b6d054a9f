"""Visitors of a site as tests need them: browsers that log in and send forms, accounts, links that pages show."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx
from argon2 import PasswordHasher

from glucoflow.store.login_accounts import Grant, Level
from glucoflow.web.security import CSRF_COOKIE
from tests.web.serving import Site

PASSWORD = "a walk by the lake at dusk"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
NOW = datetime.now(UTC)
SHARED = ("profile", "report")
"""What the link of the fixture `visitors` opens."""


class Visitor(httpx.Client):
    """A browser, which sends the token of its forms."""

    def __enter__(self) -> "Visitor":
        return self  # it may have logged in before the block

    def __exit__(self, *_: object) -> None:
        self.close()

    def send_form(self, path: str, **fields: Any) -> httpx.Response:
        token = self.cookies.get(CSRF_COOKIE) or self.get("/login").cookies[CSRF_COOKIE]
        return self.post(path, data={"csrf": token, **fields})


def account(
    served: Site, name: str, user_id: str | None = None, level: Level = "own", *, operator: bool = False
) -> str:
    """A new account with the password of all tests; its id."""
    grant = None if user_id is None else Grant(user_id=user_id, level=level, until=None)
    made = served.store.login_accounts.add(name, QUICK.hash(PASSWORD), NOW, operator=operator, grant=grant)
    return made.id


def visiting(served: Site, name: str | None = None, password: str = PASSWORD) -> Visitor:
    """A new browser; with a name, logged in."""
    browser = Visitor(base_url=served.url, headers={"accept": "text/html"}, timeout=60)
    if name is not None:
        answer = browser.send_form("/login", name=name, password=password)
        assert answer.status_code == 303, answer.text
    return browser


def invited_link(page: httpx.Response) -> str:
    """The path of the invitation that a page shows."""
    return link_of(page, "invite")


def link_of(page: httpx.Response, kind: str) -> str:
    found = re.search(rf'<code class="link">[^<]+(/{kind}/[\w-]{{43}})</code>', page.text)
    assert found is not None, page.text
    return found[1]
