"""Who may do what: every route as every kind of visitor, and invitations, guests, links and the trail they leave."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from argon2 import PasswordHasher
from elasticsearch import Elasticsearch
from fastapi.routing import APIRoute

from glucoflow.store.login_accounts import Grant, Level
from glucoflow.web.app import OPEN_PATHS
from glucoflow.web.rights import NOT_YOURS, OPERATORS_ONLY, PAGES, Right, right_of
from glucoflow.web.security import CSRF_COOKIE
from tests.web.conftest import NAMES
from tests.web.serving import CREDENTIALS, Site, site

PASSWORD = "a walk by the lake at dusk"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
NOW = datetime.now(UTC)
SHARED = ("profile", "report")


@pytest.fixture(scope="module")
def home(es: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Anna and Ben are here. Olga is the operator, Anna has an account of her own, Gil may look at Anna, Ben at Ben."""
    with site(tmp_path_factory.mktemp("home"), es, NAMES) as served:
        for user_id in ("anna", "ben"):
            served.store.people.add(user_id, user_id.title(), NOW, zone="Europe/Berlin")
        _account(served, "Olga", operator=True)
        _account(served, "Anna", "anna")
        _account(served, "Gil", "anna", "read")
        _account(served, "Ben", "ben")
        yield served


class Visitor(httpx.Client):
    """A browser, which sends the token of its forms."""

    def __enter__(self) -> "Visitor":
        return self  # it may have logged in before the block

    def __exit__(self, *_: object) -> None:
        self.close()

    def send_form(self, path: str, **fields: Any) -> httpx.Response:
        token = self.cookies.get(CSRF_COOKIE) or self.get("/login").cookies[CSRF_COOKIE]
        return self.post(path, data={"csrf": token, **fields})


def _account(
    served: Site, name: str, user_id: str | None = None, level: Level = "own", *, operator: bool = False
) -> str:
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


@pytest.fixture(scope="module")
def visitors(home: Site) -> Iterator[dict[str, Visitor]]:
    """One browser of each kind."""
    link = home.store.shares.add("anna", "Dr. Berger", SHARED, NOW + timedelta(days=1), "Anna", NOW)
    with ExitStack() as stack:
        found = {name: visiting(home, name) for name in ("Olga", "Anna", "Gil", "Ben")}
        found |= {"nobody": visiting(home), "link": visiting(home)}
        assert found["link"].get(f"/share/{link.token}").headers["location"] == "/people/anna/profile"
        yield {name: stack.enter_context(browser) for name, browser in found.items()}


ALLOWED = {
    Right.OPEN: {"nobody", "link", "Ben", "Gil", "Anna", "Olga"},
    Right.SIGNED_IN: {"link", "Ben", "Gil", "Anna", "Olga"},
    Right.READ: {"Gil", "Anna", "Olga"},
    Right.CHANGE: {"Anna", "Olga"},
    Right.OPERATE: {"Olga"},
}


def _routes(served: Site) -> list[tuple[str, APIRoute]]:
    included = [getattr(one, "original_router", served.app).routes for one in served.app.routes]
    routes = [route for part in included for route in part if isinstance(route, APIRoute)]
    found = [(method, route) for route in routes for method in route.methods or ()]
    return sorted(found, key=lambda one: (one[1].path, one[0]))


def test_every_route_states_one_right(home: Site) -> None:
    routes = _routes(home)
    assert len(routes) > 50
    assert [f"{method} {route.path}" for method, route in routes if right_of(route) is None] == []
    for _method, route in routes:
        assert (right_of(route) is Right.OPEN) == route.path.startswith(OPEN_PATHS), route.path


VALUES = {"user_id": "anna", "slug": "profile", "provider": "dexcom", "number": "1"}


def test_every_route_as_every_visitor(home: Site, visitors: dict[str, Visitor]) -> None:
    """A refusal of rights comes before all else, so a form without its token tells both apart."""
    wrong = []
    for method, route in _routes(home):
        right = right_of(route)
        assert right is not None
        path = re.sub(r"{(\w+)}", lambda one: VALUES.get(one[1], "x"), route.path)
        if path.endswith("/logout"):
            continue
        for name, browser in visitors.items():
            answer = browser.request(method, path)
            may = name in ALLOWED[right] or (name == "link" and right is Right.READ and _shared(route.path))
            if _refused(answer) == may:
                wrong.append((method, path, name, answer.status_code, right.value))
    assert wrong == []


def _shared(path: str) -> bool:
    """What a link to the profile and the report opens."""
    return path.removeprefix("/people/{user_id}") in ("/{slug}", "/report.pdf", "/unit")


@pytest.mark.parametrize(
    ("path", "seen_by"),
    [
        ("charts/profile_24h", {"link", "Gil", "Anna", "Olga"}),
        ("charts/alert_settings", {"Gil", "Anna", "Olga"}),
        ("pulse", {"link", "Gil", "Anna", "Olga"}),
        ("latest", {"Gil", "Anna", "Olga"}),
        ("readings", {"Gil", "Anna", "Olga"}),
        ("profile", {"Gil", "Anna", "Olga"}),
        ("days", {"Gil", "Anna", "Olga"}),
    ],
)
def test_the_api_shows_a_browser_what_its_pages_show(
    visitors: dict[str, Visitor], path: str, seen_by: set[str]
) -> None:
    answers = {name: browser.get(f"/api/people/anna/{path}").status_code for name, browser in visitors.items()}
    assert {name for name, status in answers.items() if status < 400} == seen_by
    assert answers["nobody"] == 401
    assert answers["Ben"] == 404


def test_the_api_lists_those_whom_a_browser_may_see(visitors: dict[str, Visitor]) -> None:
    listed = {name: visitors[name].get("/api/people").json().get("people", []) for name in visitors}
    assert {name: [one["id"] for one in people] for name, people in listed.items()} == {
        "nobody": [], "link": [], "Olga": ["anna", "ben"], "Anna": ["anna"], "Gil": ["anna"], "Ben": ["ben"],
    }  # fmt: skip


def _refused(answer: httpx.Response) -> bool:
    if answer.status_code == 303:
        return answer.headers["location"].startswith("/login")
    said = unescape(answer.text)
    return (
        answer.status_code == 401
        or NOT_YOURS in said
        or OPERATORS_ONLY in said
        or "There is nobody called" in said
        or "not among those that were shared" in said
    )


@pytest.mark.parametrize("slug", [*PAGES, "status", "settings", "access", "apps", "files", "protocols"])
def test_a_link_opens_its_pages_and_no_other(visitors: dict[str, Visitor], slug: str) -> None:
    address = "report.pdf" if slug == "report" else slug
    answer = visitors["link"].get(f"/people/anna/{address}")
    assert (answer.status_code in (200, 400)) == (slug in SHARED), answer.status_code  # 400: no readings to report on
    assert visitors["link"].get(f"/people/ben/{address}").status_code == 404


def test_the_front_page_shows_those_whom_one_may_see(visitors: dict[str, Visitor]) -> None:
    shown = {name: re.findall(r'class="cover" href="/people/(\w+)"', visitors[name].get("/").text) for name in visitors}
    assert shown == {
        "nobody": [], "link": [], "Olga": ["anna", "ben"], "Anna": ["anna"], "Gil": ["anna"], "Ben": ["ben"],
    }  # fmt: skip


def test_an_unknown_person_and_a_hidden_one_look_alike(visitors: dict[str, Visitor]) -> None:
    hidden, unknown = visitors["Ben"].get("/people/anna"), visitors["Ben"].get("/people/nobody")
    assert (hidden.status_code, unknown.status_code) == (404, 404)
    said = [unescape(one.text) for one in (hidden, unknown)]
    names = [("“anna”", "/people/anna"), ("“nobody”", "/people/nobody")]
    first, second = (text.replace(one[0], "*").replace(one[1], "*") for text, one in zip(said, names, strict=True))
    assert first == second


def test_a_guest_sees_no_button_that_they_may_not_press(visitors: dict[str, Visitor]) -> None:
    for path in ("/people/anna", "/people/anna/status", "/people/anna/protocols", "/people/anna/insights"):
        forms = set(re.findall(r'<form method="post" action="([^"]+)"', visitors["Gil"].get(path).text))
        assert forms <= {"/logout", "/language", "/people/anna/unit"}, path
        assert "/people/anna/settings" not in visitors["Gil"].get(path).text


def test_a_home_of_one_stays_open_until_somebody_has_an_account(es: Elasticsearch, tmp_path: Path) -> None:
    with site(tmp_path, es, NAMES) as served, visiting(served) as first, visiting(served) as other:
        assert first.get("/accounts").status_code == 200
        refused = first.send_form("/invites", name="Cleo", unit="mg/dL", zone="UTC")
        assert refused.status_code == 422
        assert "Nobody logs in here yet" in refused.text
        short = first.send_form("/accounts/operator", name="Olga", password="short")
        assert "10 to 200 characters" in short.text
        guessed = first.send_form("/accounts/operator", name="Olga", password="olga123456")
        assert "too easy to guess" in guessed.text
        assert first.send_form("/accounts/operator", name="Olga", password=PASSWORD).headers["location"] == "/accounts"
        assert first.get("/accounts").status_code == 200
        assert other.get("/").headers["location"] == "/login?next=/"


def test_an_invited_person_makes_an_account_and_sees_nobody_else(home: Site, visitors: dict[str, Visitor]) -> None:
    page = visitors["Olga"].send_form("/invites", name="Nadia نادية", email="", unit="mmol/L", zone="Europe/Berlin")
    link = _link(page, "invite")
    with visiting(home) as hers, visiting(home) as thief:
        assert "bring your glucose readings here" in hers.get(link).text
        assert _states(home)["Nadia نادية"] == "opened"
        taken = hers.send_form(link, name="ANNA", password=PASSWORD)
        assert taken.status_code == 422
        assert "Is taken" in taken.text
        made = hers.send_form(link, name="Nadia", password=PASSWORD)
        assert made.status_code == 303
        own = re.fullmatch(r"/people/([a-z0-9-]+)/status", made.headers["location"])
        assert own is not None
        assert home.store.people.get(own[1]).unit == "mmol/L"
        assert hers.get(made.headers["location"]).status_code == 200
        assert hers.get("/people/anna").status_code == 404
        assert _states(home)["Nadia نادية"] == "accepted"
        home.store.connections.add(own[1], "dexcom", "us", NOW, CREDENTIALS)
        assert _states(home)["Nadia نادية"] == "connected"
        for again in (thief.get(link), thief.send_form(link, name="Thief", password=PASSWORD)):
            assert again.status_code == 410
            assert "has been used already" in again.text
    home.store.people.delete(own[1])
    assert home.store.login_accounts.named("nadia", NOW) is None, "an account that saw nobody else goes with its person"


def test_a_withdrawn_or_expired_invitation_opens_nothing(home: Site, visitors: dict[str, Visitor]) -> None:
    page = visitors["Olga"].send_form("/invites", name="Never", email="", unit="mg/dL", zone="UTC")
    link = _link(page, "invite")
    (sent,) = [one for one in home.store.invites.list(NOW) if one.name == "Never"]
    assert home.store.invites.take(link.removeprefix("/invite/"), NOW + timedelta(days=8)) is None
    assert visitors["Olga"].send_form(f"/invites/{sent.id}/withdraw").status_code == 303
    with visiting(home) as late:
        assert late.get(link).status_code == 410
    assert _states(home)["Never"] == "withdrawn"


def test_a_guest_is_invited_reads_until_a_day_and_is_withdrawn_at_once(
    home: Site, visitors: dict[str, Visitor]
) -> None:
    past = visitors["Anna"].send_form("/people/anna/guests", name="Dr. Ott", may="read", until="2020-01-01")
    assert "lies in the past" in past.text.lower()
    until = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    page = visitors["Anna"].send_form("/people/anna/guests", name="Dr. Ott", may="read", until=until)
    with visiting(home) as doctor:
        assert doctor.send_form(_link(page, "invite"), name="Ott", password=PASSWORD).status_code == 303
        assert doctor.get("/people/anna").status_code == 200
        assert doctor.get("/people/anna/settings").status_code == 403
        account = home.store.login_accounts.named("ott", NOW)
        assert account is not None
        after = datetime.now(UTC) + timedelta(days=5)
        assert home.store.login_accounts.find(account.id, after).grants == {}  # type: ignore[union-attr]
        assert visitors["Anna"].send_form("/people/anna/guests/withdraw", account=account.id).status_code == 303
        assert doctor.get("/people/anna").status_code == 404


def test_a_doctor_with_an_account_takes_a_second_person_on(home: Site, visitors: dict[str, Visitor]) -> None:
    until = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    page = visitors["Ben"].send_form("/people/ben/guests", name="Gil", may="read", until=until)
    assert visitors["Gil"].send_form(_link(page, "invite") + "/join").headers["location"] == "/people/ben"
    assert visitors["Gil"].get("/people/ben").status_code == 200
    gil = home.store.login_accounts.named("gil", NOW)
    assert gil is not None
    home.store.login_accounts.withdraw(gil.id, "ben")


def test_a_link_is_counted_and_revoked_for_browsers_that_are_in(home: Site, visitors: dict[str, Visitor]) -> None:
    until = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    form = {"name": "School", "pages": ["now", "days"], "until": until}
    link = _link(visitors["Anna"].send_form("/people/anna/shares", **form), "share")
    with visiting(home) as school:
        assert school.get(link).headers["location"] == "/people/anna/now"
        assert school.get("/people/anna/days").status_code == 200
        (made,) = [one for one in home.store.shares.list("anna") if one.name == "School"]
        assert made.uses == 1
        assert visitors["Anna"].send_form(f"/people/anna/shares/{made.id}/revoke").status_code == 303
        assert school.get("/people/anna/days").status_code == 303
        assert school.get(link).status_code == 410


def test_a_link_takes_nobodys_log_in(home: Site, visitors: dict[str, Visitor]) -> None:
    made = home.store.shares.add("anna", "Bait", ["now"], NOW + timedelta(days=1), "Anna", NOW)
    assert visitors["Ben"].get(f"/share/{made.token}").status_code == 409
    assert visitors["Ben"].get("/people/ben").status_code == 200
    assert visitors["Anna"].get(f"/share/{made.token}").headers["location"] == "/people/anna/now"
    assert visitors["Anna"].get("/people/anna/settings").status_code == 200


def test_a_second_factor_is_set_up_asked_for_and_works_once(home: Site) -> None:
    _account(home, "Tom", "ben")
    with visiting(home, "Tom") as tom:
        assert "not your present password" in tom.send_form("/account/second-factor", current="wrong").text
        page = tom.send_form("/account/second-factor", current=PASSWORD).text
        secret, signed = (
            re.search(r"<code>([A-Z2-7]{32})</code>", page),
            re.search(r'name="secret" value="([^"]+)"', page),
        )
        assert secret is not None
        assert signed is not None
        assert "data-" not in secret[1]
        totp = pyotp.TOTP(secret[1])
        bad = tom.send_form("/account/second-factor/confirm", secret=unescape(signed[1]), code="000000")
        assert bad.status_code == 422
        code = totp.now()
        done = tom.send_form("/account/second-factor/confirm", secret=unescape(signed[1]), code=code)
        assert done.headers["location"] == "/account?changed=factor"
    with visiting(home) as again:
        half = again.send_form("/login", name="tom", password=PASSWORD)
        assert "Code of your authenticator app" in half.text
        assert again.get("/").headers["location"].startswith("/login")
        halfway = re.search(r'name="halfway" value="([^"]+)"', half.text)
        assert halfway is not None
        used = again.send_form("/login/code", halfway=unescape(halfway[1]), code=code)
        assert used.status_code == 401, "a code that was used is worth nothing"
        forged = again.send_form("/login/code", halfway=unescape(halfway[1])[:-2] + "xx", code=totp.now())
        assert forged.status_code == 401
    home.store.login_waits.succeeded("127.0.0.1")


def test_a_new_password_ends_every_other_session(home: Site) -> None:
    _account(home, "Uma", "ben")
    with visiting(home, "Uma") as here, visiting(home, "uma") as there:
        assert there.get("/people/ben").status_code == 200
        assert len(re.findall("Log out</button></form></td>", here.get("/account").text)) == 1
        changed = here.send_form("/account/password", current=PASSWORD, new="another walk by the lake")
        assert changed.headers["location"] == "/account?changed=password"
        assert here.get("/people/ben").status_code == 200
        assert there.get("/people/ben").headers["location"].startswith("/login")


def test_one_browser_is_logged_out_from_another(home: Site) -> None:
    _account(home, "Vic", "ben")
    with visiting(home, "Vic") as here, visiting(home, "Vic") as lost, visiting(home, "Ben") as other:
        session = re.search(r'name="session" value="([0-9a-f]{64})"', here.get("/account").text)
        assert session is not None
        assert other.send_form("/account/sessions/end", session=session[1]).status_code == 404
        assert lost.get("/people/ben").status_code == 200
        assert here.send_form("/account/sessions/end", session=session[1]).status_code == 303
        assert lost.get("/people/ben").headers["location"].startswith("/login")


def test_what_was_done_is_shown_to_the_person_concerned(home: Site, visitors: dict[str, Visitor]) -> None:
    for _ in range(3):
        visitors["Gil"].get("/people/anna/patterns")
    visitors["Anna"].send_form("/people/anna/targets", profile="pregnancy")
    told = {(one.deed.who, one.deed.action, one.deed.what): one.times for one in home.store.audit.of_person("anna")}
    assert told["Gil", "looked at", "patterns"] == 3
    assert ("Anna", "changed", "targets") in told
    assert ("Dr. Berger", "opened", "link") in told
    page = visitors["Anna"].get("/people/anna/access").text
    assert "looked at patterns" in page
    assert "looked at patterns" not in visitors["Ben"].get("/people/ben/access").text


def test_delete_me_ends_with_a_receipt_that_is_mine(home: Site) -> None:
    home.store.people.add("zoe", "Zoe", NOW)
    _account(home, "Zoe", "zoe")
    with visiting(home, "Zoe") as zoe, visiting(home) as anybody:
        asked = zoe.send_form("/people/zoe/delete", confirm="Zoe")
        receipt = asked.headers["location"]
        assert re.fullmatch(r"/receipt/[\w-]{43}", receipt)
        assert "Being deleted" in zoe.get(receipt).text
        assert zoe.get(f"{receipt}/receipt.txt").status_code == 404
        home.store.people.delete("zoe")
        home.store.receipts.fill("zoe", "From Elasticsearch: 1 index with 3 documents.")
        assert zoe.get("/").headers["location"].startswith("/login"), "the account is gone with its person"
        assert "1 index with 3 documents" in anybody.get(receipt).text
        assert anybody.get(f"{receipt}/receipt.txt").text.endswith("3 documents.\n")
        assert anybody.get("/receipt/made-up").status_code == 404


def test_an_archive_is_for_whoever_may_change(visitors: dict[str, Visitor]) -> None:
    answer = visitors["Anna"].get("/people/anna/archive.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="glucoflow-anna.zip"'
    assert visitors["Gil"].get("/people/anna/archive.zip").status_code == 403


def test_the_last_operator_stays_while_others_have_accounts(home: Site, visitors: dict[str, Visitor]) -> None:
    olga = home.store.login_accounts.named("Olga", NOW)
    assert olga is not None
    assert visitors["Olga"].send_form(f"/accounts/{olga.id}/remove").status_code == 409
    with pytest.raises(Exception, match="last operator"):
        home.store.login_accounts.remove(olga.id)


@pytest.mark.parametrize("name", ["' OR 1=1 --", "<b>{{ 7*7 }}</b>", "{% raw %}", "مريم 🦊"])
def test_names_are_text(home: Site, visitors: dict[str, Visitor], name: str) -> None:
    until = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    page = visitors["Anna"].send_form("/people/anna/shares", name=name, pages=["now"], until=until)
    assert page.status_code == 200
    assert name in unescape(page.text)
    assert "<b>" not in page.text
    assert "49" not in re.findall(r"link for ([^<]+)<", page.text)


def test_a_callback_of_somebody_elses_sign_in_connects_nothing(home: Site, visitors: dict[str, Visitor]) -> None:
    """Begun as Anna in a browser in which Ben logs in meanwhile."""
    with visiting(home, "Anna") as shared:
        page = shared.send_form("/people/anna/connect/dexcom")
        state = re.search(r"state=([\w-]+)", unescape(page.text))
        assert state is not None
        shared.send_form("/login", name="Ben", password=PASSWORD)
        back = shared.get(f"/oauth/callback?state={state[1]}&code=good")
        assert back.status_code == 303
        assert "not begun in this browser" in shared.get(back.headers["location"]).text
    assert home.store.connections.for_user("anna") == ()


def invited_link(page: httpx.Response) -> str:
    """The path of the invitation that a page shows."""
    return _link(page, "invite")


def _link(page: httpx.Response, kind: str) -> str:
    found = re.search(rf'<code class="link">[^<]+(/{kind}/[\w-]{{43}})</code>', page.text)
    assert found is not None, page.text
    return found[1]


def _states(served: Site) -> dict[str, str]:
    return {one.name: one.state for one in served.store.invites.list(datetime.now(UTC))}
