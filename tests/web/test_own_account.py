"""One's own account: the second factor, the password, the browsers that are in, the trail, the end."""

import re
from html import unescape

import pyotp

from tests.web.serving import Site
from tests.web.visiting import NOW, PASSWORD, Visitor, account, visiting


def test_a_second_factor_is_set_up_asked_for_and_works_once(home: Site) -> None:
    account(home, "Tom", "ben")
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
    account(home, "Uma", "ben")
    with visiting(home, "Uma") as here, visiting(home, "uma") as there:
        assert there.get("/people/ben").status_code == 200
        assert len(re.findall("Log out</button></form></td>", here.get("/account").text)) == 1
        changed = here.send_form("/account/password", current=PASSWORD, new="another walk by the lake")
        assert changed.headers["location"] == "/account?changed=password"
        assert here.get("/people/ben").status_code == 200
        assert there.get("/people/ben").headers["location"].startswith("/login")


def test_one_browser_is_logged_out_from_another(home: Site) -> None:
    account(home, "Vic", "ben")
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
    account(home, "Zoe", "zoe")
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
