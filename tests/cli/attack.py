"""A web page that wants to command this machine: what a browser lets it do to each port that `up` opens.

The page comes from another origin, or from a name that its owner points at this machine after it was loaded (DNS
rebinding). It cannot read answers it is not allowed to, so what reached a server is what Chromium says it sent.
"""

import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from playwright.sync_api import Browser, Page, Route

FOREIGN = "evil.example"

ASK = """async ([url, method, type, body, mode]) => {
  try {
    const answer = await fetch(url, {method, mode, credentials: 'omit', signal: AbortSignal.timeout(20000),
      headers: body ? {'content-type': type} : {}, body: body || undefined});
    return {reached: true, status: answer.status, text: (await answer.text()).slice(0, 2000)};
  } catch (error) { return {reached: false, status: 0, text: String(error)}; }
}"""


@contextmanager
def foreign_browser(browser: Browser) -> Iterator[Browser]:
    """A Chromium for which the foreign name is this machine, without the newest versions' own shield against that.

    Other browsers have no such shield yet, and the test must not pass because of it.
    """
    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    launched = browser.browser_type.launch(
        executable_path=system,
        args=[
            f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1",
            "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
        ],
    )
    yield launched
    launched.close()


@contextmanager
def foreign_site() -> Iterator[str]:
    """The address of the page of somebody else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>Win a prize</title>")

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://{FOREIGN}:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def rebound(browser: Browser, port: int) -> Iterator[Page]:
    """A page of the foreign name at this very port: loaded from its owner, all else from whoever listens here."""
    page = browser.new_page()
    origin = f"http://{FOREIGN}:{port}/"

    def owner(route: Route) -> None:
        route.fulfill(status=200, content_type="text/html", body="<title>Win a prize</title>")

    page.route(origin, owner)
    page.goto(origin)
    yield page
    page.close()


def ask(
    page: Page,
    url: str,
    body: Mapping[str, Any] | None = None,
    *,
    method: str = "GET",
    media: str = "text/plain",
    mode: str = "cors",
) -> dict[str, Any]:
    """What the page's script sees of a request: whether an answer came that it may read, its status and text.

    `text/plain` needs no preflight: the request itself is sent whatever the server thinks of the page.
    """
    found: dict[str, Any] = page.evaluate(ASK, [url, method, media, json.dumps(body) if body else "", mode])
    return found
