"""One's own account: the second factor, the password, the browsers that are in, the trail, the end."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pyotp

from glucoflow.partner_api.oauth import subject_of
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


def test_programs_stand_in_the_trail_once_a_day(home: Site, visitors: dict[str, Visitor]) -> None:
    """By each door; what a page asks for beside itself does not stand there again."""
    now = datetime.now(UTC)
    app = home.store.apps.add("ben", "Ben's phone", "both", now)
    partner = home.store.partners.add("Study", ["https://study.example/back"], now).partner
    code = home.store.partners.consent(partner.id, "ben", "glucose", "https://study.example/back", "c", now)
    taken = home.store.partners.take_code(code, partner.id, now)
    assert taken is not None
    home.store.partners.issue(taken.grant.id, "access-token", "refresh-token", now)
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    both = {"accept": "application/json, text/event-stream"}
    with visiting(home) as program:
        for _ in range(3):
            assert program.get("/api/v1/status.json", headers={"api-secret": app.secret}).status_code == 200
            assert (
                program.get("/api/people/ben/latest", headers={"authorization": f"Bearer {app.secret}"}).status_code
                == 200
            )
            program.post("/mcp", json=asked, headers={"authorization": f"Bearer {app.secret}", **both})
            address = f"/partner/v1/data/{subject_of(taken.grant)}?latest=true"
            program.get(address, headers={"authorization": "Bearer access-token"})
        assert program.get("/api/v1/entries.json", headers={"api-secret": "wrong"}).status_code == 401
    page = visitors["Ben"].get("/people/ben/access").text
    told = {(one.deed.who, one.deed.action, one.deed.what): one.times for one in home.store.audit.of_person("ben")}
    doors = {(who, what): times for (who, action, what), times in told.items() if action == "read by"}
    assert doors == {
        ("Ben's phone", "Nightscout's API"): 3, ("Ben's phone", "the JSON API"): 3, ("Ben's phone", "MCP"): 3,
        ("Study", "the partner API"): 3,
    }  # fmt: skip
    assert "3 times that day" in page
    visitors["Ben"].get("/api/people/ben/latest")
    visitors["Ben"].get("/api/people/ben/pulse")
    looks = [one.times for one in home.store.audit.of_person("ben") if one.deed.what == "the JSON API"]
    assert sorted(looks) == [1, 3]


def test_the_key_is_rotated_from_a_page(home: Site, visitors: dict[str, Visitor]) -> None:
    assert visitors["Anna"].send_form("/keys/rotate").status_code == 403
    account = home.store.login_accounts.named("Ben", NOW)
    assert account is not None
    page = visitors["Olga"].get("/keys").text
    assert home.store.key_ids()[0] in page
    assert visitors["Olga"].send_form("/keys/rotate").headers["location"] == "/keys"
    for _ in range(600):
        page = visitors["Olga"].get("/keys").text
        if "data-busy" not in page:
            break
    assert "Older keys can go now." in page
    assert ("Olga", "changed", "keys rotate") in {
        (one.deed.who, one.deed.action, one.deed.what) for one in home.store.audit.list()
    }


def test_a_guest_in_kibana_is_asked_for_on_the_page(home: Site, visitors: dict[str, Visitor]) -> None:
    until = (NOW + timedelta(days=3)).date().isoformat()
    bad = visitors["Anna"].send_form("/people/anna/kibana-guests", name="Dr. <b>Ott</b>", until="2020-01-01")
    assert "lies in the past" in bad.text.lower()
    page = visitors["Anna"].send_form("/people/anna/kibana-guests", name="Dr. <b>Ott</b>", until=until).text
    (guest,) = home.store.kibana_guests.list("anna")
    (asked,) = home.store.kibana_guests.to_make(NOW)
    assert asked.password.get_secret_value() in page
    assert guest.id in page
    assert "<b>" not in page
    assert asked.password.get_secret_value() not in visitors["Anna"].get("/people/anna/access").text
    assert home.synced.count("guests in Kibana") == 1
    assert visitors["Gil"].send_form(f"/people/anna/kibana-guests/{guest.id}/withdraw").status_code == 403
    assert visitors["Ben"].send_form(f"/people/ben/kibana-guests/{guest.id}/withdraw").status_code == 404
    assert visitors["Anna"].send_form(f"/people/anna/kibana-guests/{guest.id}/withdraw").status_code == 303
    assert home.store.kibana_guests.to_make(NOW) == ()


def test_delete_me_ends_with_a_receipt_that_is_mine(home: Site) -> None:
    home.store.people.add("zoe", "Zoe", NOW)
    account(home, "Zoe", "zoe")
    with visiting(home, "Zoe") as zoe, visiting(home) as anybody:
        asked = zoe.send_form("/people/zoe/delete", confirm="Zoe")
        receipt = asked.headers["location"]
        assert re.fullmatch(r"/receipt/[\w-]{43}", receipt)
        assert "Being deleted" in zoe.get(receipt).text
        assert zoe.get(f"{receipt}/receipt.txt").status_code == 404
        home.store.receipts.stopped("zoe", "Kibana cannot be reached. Deleted so far: connections.")
        assert "It stopped halfway: Kibana cannot be reached." in re.sub("<[^>]+>", "", zoe.get(receipt).text)
        home.store.people.delete("zoe")
        home.store.receipts.fill("zoe", "From Elasticsearch: 1 index with 3 documents.")
        assert zoe.get("/").headers["location"].startswith("/login"), "the account is gone with its person"
        assert "1 index with 3 documents" in anybody.get(receipt).text
        assert anybody.get(f"{receipt}/receipt.txt").text.endswith("3 documents.\n")
        assert anybody.get("/receipt/made-up").status_code == 404
