"""The page of a person's apps: a secret is made, shown once, and revoked; nobody else's can be touched."""

import re

import httpx

from tests.web.conftest import Open
from tests.web.serving import Site
from tests.web.test_marks import send


def secret_in(page: str) -> str:
    found = re.search(r"<dt>API secret or token</dt><dd><code>([^<]+)</code>", page)
    assert found
    return found[1]


def test_a_secret_is_shown_once_with_its_address_and_a_code(town: Site) -> None:
    answer = send(town, "/people/anna/apps", name="xDrip+ & <me>", rights="both")
    secret = secret_in(answer.text)
    assert answer.headers["cache-control"] == "no-store"
    host = town.url.removeprefix("http://")
    assert f"<code>http://{secret}@{host}/api/v1/</code>" in answer.text
    assert '<svg width="' in answer.text
    assert "style=" not in answer.text
    assert "xDrip+ &amp; &lt;me&gt;" in answer.text
    assert secret not in httpx.get(f"{town.url}/people/anna/apps").text
    app = town.store.apps.by_secret(secret)
    assert app is not None
    assert app.user_id == "anna"
    send(town, f"/people/anna/apps/{app.id}/revoke")
    assert town.store.apps.by_secret(secret) is None
    assert "revoked" in httpx.get(f"{town.url}/people/anna/apps").text


def test_nobody_revokes_an_app_of_somebody_else(town: Site) -> None:
    made = town.store.apps.add("ben", "Loop", "both", town.store.people.get("ben").created_at)
    assert send(town, f"/people/anna/apps/{made.app.id}/revoke").status_code == 404
    assert town.store.apps.by_secret(made.secret) is not None
    assert send(town, "/people/anna/apps", name="x", rights="everything").status_code == 422
    assert httpx.post(f"{town.url}/people/anna/apps", data={"name": "x", "rights": "both"}).status_code == 403


def test_the_code_can_be_seen_in_a_browser(town: Site, open_page: Open) -> None:
    page = open_page(f"{town.url}/people/cleo/apps")
    page.fill("input[name=name]", "Watch")
    page.select_option("select[name=rights]", "read")
    page.click("text=Make a secret")
    box = page.locator("svg.qr").bounding_box()
    assert box is not None
    assert box["width"] >= 150
