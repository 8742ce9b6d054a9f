"""A provider's OAuth pages over HTTP: a login page with Allow and Deny, codes that work once."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit


class Provider:
    """Dexcom's two endpoints, on loopback. Remembers the codes it gave and the ones that were used."""

    def __init__(self) -> None:
        self.unused: set[str] = set()
        self.given = 0
        self.failing = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def code(self) -> str:
        self.given += 1
        self.unused.add(code := f"code-{self.given}")
        return code

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                if "redirect_uri" not in asked:
                    self._answer(200, "text/plain", "")
                    return
                yes = urlencode({"code": provider.code(), "state": asked["state"]})
                no = urlencode({"error": "access_denied", "state": asked["state"]})
                links = "".join(
                    f'<a id="{name}" href="{asked["redirect_uri"]}?{query}">{name}</a> '
                    for name, query in (("allow", yes), ("deny", no))
                )
                self._answer(200, "text/html", f"<title>Login</title>{links}")

            def do_POST(self) -> None:
                if provider.failing:
                    self.close_connection = True  # the line goes dead before an answer
                    return
                body = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                code = body.get("code", [""])[0]
                if code not in provider.unused:
                    self._answer(400, "application/json", json.dumps({"error": "invalid_grant"}))
                    return
                provider.unused.remove(code)
                token = {"access_token": "a", "refresh_token": "r", "expires_in": 7200, "token_type": "Bearer"}
                self._answer(200, "application/json", json.dumps(token))

            def _answer(self, status: int, kind: str, text: str) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        return Handler
