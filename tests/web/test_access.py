"""Who may do what: every route and page as every kind of visitor."""

import re
from html import unescape

import httpx
import pytest
from fastapi.routing import APIRoute

from glucoflow.web.app import OPEN_PATHS
from glucoflow.web.rights import NOT_YOURS, OPERATORS_ONLY, PAGES, Right, right_of
from tests.web.serving import Site
from tests.web.visiting import PASSWORD, SHARED, Visitor, visiting

ALLOWED = {
    Right.OPEN: {"nobody", "link", "Ben", "Gil", "Anna", "Olga"},
    Right.SIGNED_IN: {"link", "Ben", "Gil", "Anna", "Olga"},
    Right.READ: {"Gil", "Anna", "Olga"},
    Right.CHANGE: {"Anna", "Olga"},
    Right.OPERATE: {"Olga"},
    Right.WATCH: {"Olga"},
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


@pytest.mark.parametrize("slug", [*PAGES, "status", "settings", "access", "apps", "notices", "files", "protocols"])
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


def test_an_archive_is_for_whoever_may_change(visitors: dict[str, Visitor]) -> None:
    answer = visitors["Anna"].get("/people/anna/archive.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="glucoflow-anna.zip"'
    assert visitors["Gil"].get("/people/anna/archive.zip").status_code == 403


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
