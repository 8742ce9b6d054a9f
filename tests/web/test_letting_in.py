"""Inviting people and guests, links to some pages, and a home that nobody has to log in to."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from tests.web.conftest import NAMES
from tests.web.serving import CREDENTIALS, Site, site
from tests.web.visiting import NOW, PASSWORD, Visitor, link_of, visiting


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
    link = link_of(page, "invite")
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
    link = link_of(page, "invite")
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
        assert doctor.send_form(link_of(page, "invite"), name="Ott", password=PASSWORD).status_code == 303
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
    assert visitors["Gil"].send_form(link_of(page, "invite") + "/join").headers["location"] == "/people/ben"
    assert visitors["Gil"].get("/people/ben").status_code == 200
    gil = home.store.login_accounts.named("gil", NOW)
    assert gil is not None
    home.store.login_accounts.withdraw(gil.id, "ben")


def test_a_link_is_counted_and_revoked_for_browsers_that_are_in(home: Site, visitors: dict[str, Visitor]) -> None:
    until = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    form = {"name": "School", "pages": ["now", "days"], "until": until}
    link = link_of(visitors["Anna"].send_form("/people/anna/shares", **form), "share")
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


def _states(served: Site) -> dict[str, str]:
    return {one.name: one.state for one in served.store.invites.list(datetime.now(UTC))}
