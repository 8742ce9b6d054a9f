"""Signing on at a provider of OpenID Connect that others wrote: bound, invited, refused; what a token must prove."""

import base64
import hashlib
import hmac
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from elasticsearch import Elasticsearch
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr

from glucoflow.model.errors import GlucoflowError, Misconfigured, Reauthorize, Retryable
from glucoflow.service.openid import OpenId, OpenIdProvider, UnderWay
from tests.web.conftest import NAMES
from tests.web.serving import Site, site
from tests.web.visiting import NOW, PASSWORD, account, link_of, visiting

ROOT = Path(__file__).parents[2]


class Server(msgspec.Struct, frozen=True):
    """The provider's process, and where it answers."""

    url: str
    process: "subprocess.Popen[str]"

    def told(self) -> dict[str, list[str]]:
        """The body of the next request for a token."""
        assert self.process.stdout is not None
        return parse_qs(self.process.stdout.readline().strip())

    def knows(self, subject: str, **claims: str) -> None:
        httpx.put(f"{self.url}/users/{subject}", json=claims).raise_for_status()

    def come_back(self, leaving: httpx.Response, subject: str) -> str:
        """Consent there as a person does; where the browser is sent."""
        found = re.search(r'class="button" href="([^"]+)"', leaving.text)
        assert found is not None, leaving.text
        address = unescape(found[1])
        return httpx.post(address, data={"sub": subject}).headers["location"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.web.sign_on_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield Server(f"http://localhost:{process.stdout.readline().strip()}", process)
        process.kill()


def provider(server: Server) -> OpenIdProvider:
    return OpenIdProvider(
        issuer=server.url, client_id="glucoflow", client_secret=SecretStr("for-the-sign-on"), title="Our house"
    )


@pytest.fixture(scope="module")
def house(server: Server, es: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Olga is the operator, Anna has an account with a password."""
    with site(tmp_path_factory.mktemp("sign-on"), es, NAMES, sign_on=provider(server)) as served:
        served.store.people.add("anna", "Anna", NOW)
        account(served, "Olga", operator=True)
        account(served, "Anna", "anna")
        yield served


def test_an_account_is_bound_by_its_owner_and_then_logs_in_there(house: Site, server: Server) -> None:
    server.knows("anna-there", name="Anna A.")
    with visiting(house) as stranger:
        assert "Log in by Our house" in stranger.get("/login").text
        back = server.come_back(stranger.send_form("/login/sign-on"), "anna-there")
        refused = stranger.get(back)
        server.told()
        assert refused.status_code == 403
        assert "Our house knows you, and nobody here does." in unescape(refused.text)
        assert stranger.get("/").headers["location"].startswith("/login")
    with visiting(house, "Anna") as anna, visiting(house) as again:
        assert anna.send_form("/account/sign-on", current="wrong").status_code == 422
        leaving = anna.send_form("/account/sign-on", current=PASSWORD)
        asked = parse_qs(urlsplit(unescape(re.findall(r'href="(http[^"]+)"', leaving.text)[0])).query)
        bound = anna.get(server.come_back(leaving, "anna-there"))
        assert bound.headers["location"] == "/account?changed=signon"
        sent = server.told()
        digest = hashlib.sha256(sent["code_verifier"][0].encode()).digest()
        assert asked["code_challenge"] == [base64.urlsafe_b64encode(digest).decode().rstrip("=")]
        assert asked["code_challenge_method"] == ["S256"]
        assert set(asked) >= {"state", "nonce"}
        back = server.come_back(again.send_form("/login/sign-on", next="/people/anna/days"), "anna-there")
        assert again.get(back).headers["location"] == "/people/anna/days"
        assert "single sign-on" in again.get("/account").text
        assert again.get(back).status_code == 400, "an answer works once"
        server.told()
        assert ("Anna", "logged in", "sign-on") in {
            (one.deed.who, one.deed.action, one.deed.what) for one in house.store.audit.list()
        }
        out = again.send_form("/logout").headers["location"]
        leave = re.search(r'href="([^"]+)">Log out there too', again.get(out).text)
        assert leave is not None
        assert unescape(leave[1]).startswith(f"{server.url}/oauth2/end_session?client_id=glucoflow&")
        assert again.get("/people/anna").status_code == 303


def test_an_invitation_is_accepted_by_the_sign_on(house: Site, server: Server) -> None:
    server.knows("nadia-there", name="Nadia نادية 🦊", zoneinfo="Europe/Berlin")
    with visiting(house, "Olga") as olga, visiting(house) as nadia, visiting(house) as thief:
        link = link_of(olga.send_form("/invites", name="Nadia", unit="mmol/L", zone="Europe/Berlin"), "invite")
        token = link.removeprefix("/invite/")
        assert "Accept by Our house" in nadia.get(link).text
        back = server.come_back(nadia.send_form("/login/sign-on", invitation=token), "nadia-there")
        assert thief.get(back).status_code == 400, "it was not begun in this browser"
        first = nadia.get(back).headers["location"]
        server.told()
        assert re.fullmatch(r"/people/nadia/status", first)
        assert nadia.get(first).status_code == 200
        assert nadia.get("/people/anna").status_code == 404
        made = house.store.login_accounts.named("Nadia نادية 🦊", NOW)
        assert made is not None
        assert not made.has_password
        assert nadia.send_form("/account/sign-on/remove").status_code == 422, "it is the only way in"
        chosen = nadia.send_form("/account/password", new="another walk by the lake")
        assert chosen.headers["location"] == "/account?changed=password", "who just logged in needs to prove nothing"
        assert thief.send_form("/login/sign-on", invitation=token).status_code == 410


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"state": "another"}, 400),
        ({"code": "made-up"}, 400),
        ({"code": ""}, 400),
        ({"iss": "https://somebody.else"}, 400),
        ({"error": "<b>{{ 7*7 }}</b>"}, 400),
        ({"code": "x" * 5000}, 400),
    ],
)
def test_answers_that_are_not_what_was_asked_for_log_nobody_in(
    house: Site, server: Server, change: dict[str, str], status: int
) -> None:
    with visiting(house) as browser:
        leaving = browser.send_form("/login/sign-on")
        begun = parse_qs(urlsplit(unescape(re.findall(r'href="(http[^"]+)"', leaving.text)[0])).query)
        answer = browser.get("/login/sign-on/callback", params={"state": begun["state"][0], "code": "c", **change})
        assert answer.status_code == status
        assert "<b>" not in answer.text
        assert browser.get("/").headers["location"].startswith("/login")


def test_who_refuses_there_is_told_so(house: Site) -> None:
    with visiting(house) as browser:
        asked = re.search(r"state=([\w-]+)", browser.send_form("/login/sign-on").text)
        assert asked is not None
        answer = browser.get(f"/login/sign-on/callback?error=access_denied&state={asked[1]}")
        assert "the sign-on was not allowed" in answer.text


def test_a_binding_is_of_the_browser_that_began_it(house: Site, server: Server) -> None:
    account(house, "Eve", "anna", "read")
    with visiting(house, "Anna") as shared:
        back = server.come_back(shared.send_form("/account/sign-on", current=PASSWORD), "somebody")
        shared.send_form("/login", name="Eve", password=PASSWORD)
        assert shared.get(back).status_code == 400
        assert house.store.login_accounts.of_subject(f"{server.url} somebody", NOW) is None
    server.told()


def test_where_the_operator_allows_it_whoever_signs_on_is_a_person(
    server: Server, es: Elasticsearch, tmp_path: Path
) -> None:
    server.knows("ben-there", preferred_username="' OR 1=1 --", zoneinfo="Europe/Berlin")
    with site(tmp_path, es, NAMES, sign_on=provider(server), open_to_all=True) as open_house:
        account(open_house, "Olga", operator=True)
        with visiting(open_house) as ben, visiting(open_house) as again:
            for browser in (ben, again):
                back = server.come_back(browser.send_form("/login/sign-on"), "ben-there")
                assert browser.get(back).status_code == 303
                server.told()
            (person,) = open_house.store.people.list()
            assert (person.display_name, person.zone) == ("' OR 1=1 --", "Europe/Berlin")
            assert again.get(f"/people/{person.id}").status_code == 200
            assert again.get("/accounts").status_code == 403


def test_with_the_provider_away_a_password_still_works(es: Elasticsearch, tmp_path: Path) -> None:
    away = OpenIdProvider(issuer="http://127.0.0.1:9", client_id="g", client_secret=None, title="Our house")
    with site(tmp_path, es, NAMES, sign_on=away) as served:
        account(served, "Olga", operator=True)
        with visiting(served) as browser:
            answer = browser.send_form("/login/sign-on")
            assert answer.status_code == 503
            assert "The connection to Our house failed" in answer.text
        visiting(served, "Olga").close()


KEY, OTHER = RSAKey.generate_key(2048, {"kid": "a"}), RSAKey.generate_key(2048, {"kid": "a"})
SECRET = "for-the-sign-on-and-32-characters-long"


class Signing:
    """A provider that gives whatever token it is told to: what no honest one does."""

    def __init__(self) -> None:
        self.token = ""
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = double.url
                described = {"issuer": url, **{name: f"{url}/{name}" for name in ENDPOINTS}}
                keys = {"keys": [{"kty": "unknown"}, KEY.as_dict(private=False)]}
                self._say(described if "well-known" in self.path else keys)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self._say({"access_token": "a", "token_type": "Bearer", "id_token": double.token})

            def _say(self, what: object) -> None:
                body = json.dumps(what).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@pytest.fixture(scope="module")
def signing() -> Iterator[Signing]:
    double = Signing()
    yield double
    double.server.shutdown()
    double.server.server_close()


def finish(signing: Signing, header: dict[str, Any], key: Any, **changes: Any) -> str:
    claims = {"iss": signing.url, "aud": "g", "sub": "s", "nonce": "n", "iat": 1_000_000, "exp": 1_000_300, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    signing.token = (
        _by_hand(header, kept, key) if isinstance(key, bytes) else jwt.encode(header, kept, key, algorithms=SIGNED_BY)
    )
    openid = OpenId(OpenIdProvider(issuer=signing.url, client_id="g", client_secret=SecretStr(SECRET), title="T"))
    begun = UnderWay(state="s", nonce="n", verifier="v" * 43)
    return openid.finish(begun, "code", "http://localhost/back", "", datetime.fromtimestamp(1_000_100, UTC)).subject


def _by_hand(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """Signed by the provider's public key as if it were a secret: no library helps with that."""

    def part(of: bytes) -> str:
        return base64.urlsafe_b64encode(of).decode().rstrip("=")

    said = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{said}.{part(hmac.digest(key, said.encode(), 'sha256'))}"


SIGNED_BY = ["RS256", "HS256", "none"]
RS = {"alg": "RS256", "kid": "a"}


def test_a_good_token_names_somebody(signing: Signing) -> None:
    assert finish(signing, RS, KEY) == f"{signing.url} s"
    assert finish(signing, RS, KEY, aud=["g", "other"], azp="g", exp=1_000_050) == f"{signing.url} s", "clocks differ"


@pytest.mark.parametrize(
    ("header", "key", "changes"),
    [
        (RS, OTHER, {}),
        ({"alg": "HS256", "kid": "a"}, OctKey.import_key(SECRET), {}),
        ({"alg": "HS256", "kid": "a"}, KEY.as_pem(private=False), {}),
        ({"alg": "none"}, OctKey.import_key(SECRET), {}),
        (RS, KEY, {"nonce": "another"}),
        (RS, KEY, {"nonce": None}),
        (RS, KEY, {"aud": "somebody-else"}),
        (RS, KEY, {"aud": ["g", "other"], "azp": "other"}),
        (RS, KEY, {"iss": "https://somebody.else"}),
        (RS, KEY, {"exp": 1_000_000}),
        (RS, KEY, {"iat": 1_009_000}),
        (RS, KEY, {"sub": None}),
        (RS, KEY, {"sub": ""}),
        (RS, KEY, {"sub": "x" * 300}),
        (RS, KEY, {"sub": 7}),
        (RS, KEY, {"at_hash": "AAAA"}),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of the library, about a key that only an attacker would choose
def test_a_token_that_proves_nothing(signing: Signing, header: dict[str, str], key: Any, changes: Any) -> None:
    with pytest.raises(Reauthorize, match="does not prove"):
        finish(signing, header, key, **changes)


def test_a_provider_that_is_not_what_was_set(signing: Signing) -> None:
    for issuer, kind in ((f"{signing.url}/", Misconfigured), ("http://example.org", Misconfigured)):
        with pytest.raises(kind):
            OpenId(OpenIdProvider(issuer=issuer, client_id="g", client_secret=None, title="T")).begin("http://x/back")
    signing.token = "no token at all"
    openid = OpenId(OpenIdProvider(issuer=signing.url, client_id="g", client_secret=None, title="T"))
    with pytest.raises(GlucoflowError) as caught:
        openid.finish(UnderWay(state="s", nonce="n", verifier="v" * 43), "c", "http://x", "", NOW)
    assert not isinstance(caught.value, Retryable)
