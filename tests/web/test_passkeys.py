"""Passkeys, with a real browser and its virtual authenticator; and answers that prove nothing."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page

from glucoflow.web.security import CSRF_COOKIE
from tests.web.conftest import Open
from tests.web.serving import Site
from tests.web.visiting import NOW, PASSWORD, account, visiting


def authenticator(page: Page) -> Any:
    """A phone's own, which says that it knows its owner's finger. Its session, and its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return session, made


def test_a_passkey_is_made_named_used_and_removed(home: Site, open_page: Open) -> None:
    account(home, "Pia", "ben")
    here = home.url.replace("127.0.0.1", "localhost")
    page = open_page(f"{here}/login?next=/account", wait=False)
    phone, key = authenticator(page)
    page.get_by_label("Name", exact=False).first.fill("Pia")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()

    form = page.locator("#passkeys form[data-passkey=new]")
    form.get_by_label("Name for it").fill("Telefon 🦊")
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_role("button").click()
    page.wait_for_url("**/account?changed=passkey")
    assert "Telefon 🦊" in page.locator("#passkeys input[name=name]").first.input_value()

    page.get_by_role("button", name="Log out", exact=True).first.click()
    page.wait_for_url("**/login")
    answers: list[str] = []
    page.on("request", lambda one: answers.append(one.post_data or "") if one.url.endswith("/login/passkey") else None)
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url(f"{here}/")
    (held,) = home.store.passkeys.list(home.store.login_accounts.named("pia", NOW).id)  # type: ignore[union-attr]
    assert held.last_used_at is not None
    assert held.host == "localhost"

    page.goto(f"{here}/account")
    page.locator("#passkeys input[name=name]").first.fill("Phone")
    page.get_by_role("button", name="Rename").click()
    assert page.locator("#passkeys input[name=name]").first.input_value() == "Phone"
    page.on("dialog", lambda one: one.accept())
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/account?changed=nopasskey")

    page.get_by_role("button", name="Log out", exact=True).first.click()
    page.wait_for_url("**/login")
    assert page.get_by_role("button", name="Log in with a passkey").count() == 0, "nobody has one"
    assert len(phone.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]) == 1
    assert len(answers) == 1
    assert "answer=%7B" in answers[0]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        "null",
        "[" * 5000,
        '{"id":"x"}',
        '{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","signature":"AA"}}',
    ],
)
def test_an_answer_that_proves_nothing(home: Site, answer: str) -> None:
    with visiting(home) as browser:
        browser.headers["host"] = f"localhost:{home.url.rpartition(':')[2]}"
        token = browser.get("/login").cookies[CSRF_COOKIE]
        begun = browser.post("/login/passkey/begin", data={"csrf": token})
        assert begun.json()["userVerification"] == "required"
        assert begun.json()["rpId"] == "localhost"
        for _ in range(2):  # the second time there is no challenge any more
            refused = browser.post("/login/passkey", data={"csrf": token, "answer": answer})
            assert refused.status_code in (401, 422)
        assert browser.get("/").headers["location"].startswith("/login")


def test_passkeys_have_no_place_at_a_bare_address(home: Site) -> None:
    with visiting(home, "Ben") as ben:
        assert "Passkeys belong to a name" in ben.get("/account").text
        assert ben.send_form("/login/passkey/begin").status_code == 409
        assert ben.send_form("/account/passkeys/begin", current="wrong").status_code == 422
        assert ben.send_form("/account/passkeys/begin", current=PASSWORD).status_code == 409
        assert ben.send_form("/account/passkeys/remove", passkey="x").status_code == 404
        assert ben.send_form("/account/passkeys/rename", passkey="x", name="y").status_code == 404
        assert ben.send_form("/account/passkeys", answer="{}", name="y").status_code == 409


def test_what_was_used_up_is_forgotten_when_it_is_too_old(home: Site) -> None:
    spent, later = home.store.spent, NOW + timedelta(minutes=1)
    assert [spent.spend("once", later, NOW) for _ in range(2)] == [True, False]
    assert spent.spend("another", later, NOW)
    assert spent.spend("once", later + timedelta(minutes=1), later), "its challenge was over anyway"
