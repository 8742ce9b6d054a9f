"""HEAD, compression, and what a browser needs to put the pages on a home screen."""

import struct

import httpx
import pytest

from tests.web.conftest import Open
from tests.web.serving import Site


@pytest.mark.parametrize(
    "path", ["/", "/people/anna", "/api/people/anna/charts/last_24h", "/static/app.js", "/nowhere"]
)
def test_head_is_what_get_would_be_without_the_body(town: Site, path: str) -> None:
    head, get = httpx.head(town.url + path), httpx.get(town.url + path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_head_of_what_is_not_there_for_get_is_not_there_either(town: Site) -> None:
    assert httpx.head(f"{town.url}/people/anna/sync").status_code in {404, 405}


@pytest.mark.parametrize(
    "path", ["/static/vendor/vega-5.33.1.min.js", "/static/app.css", "/api/people/anna/charts/last_24h"]
)
def test_scripts_and_charts_come_compressed(town: Site, path: str) -> None:
    asked = {"accept-encoding": "gzip"}
    with httpx.stream("GET", town.url + path, headers=asked) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        sent = sum(len(part) for part in answer.iter_raw())
    plain = httpx.get(town.url + path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert sent < len(plain.content) / 2


def test_a_page_which_holds_a_secret_token_is_not_compressed(town: Site) -> None:
    assert "content-encoding" not in httpx.get(town.url, headers={"accept-encoding": "gzip"}).headers


def test_an_unchanged_chart_is_not_sent_again(town: Site) -> None:
    address = f"{town.url}/api/people/anna/charts/tir_14d?from=2026-01-01&to=2026-01-02"
    tag = httpx.get(address).headers["etag"]
    assert httpx.get(address, headers={"if-none-match": tag}).status_code == 304


def test_the_pages_can_be_put_on_a_home_screen(town: Site, open_page: Open) -> None:
    page = open_page(town.url)
    link = page.locator("link[rel=manifest]").get_attribute("href") or ""
    answer = httpx.get(town.url + link)
    assert answer.headers["content-type"].startswith("application/manifest+json")
    manifest = answer.json()
    assert manifest["display"] == "standalone"
    assert {one.get("purpose", "any") for one in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        picture = httpx.get(f"{town.url}/static/{icon['src']}")
        width, height = struct.unpack(">II", picture.content[16:24])  # of a PNG
        assert f"{width}x{height}" == icon["sizes"]
    told = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert told["errors"] == []
    assert told["url"].startswith(town.url)
