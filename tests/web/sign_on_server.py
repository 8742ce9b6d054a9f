"""A provider of OpenID Connect that no one here wrote, as a process of its own: `python -m tests.web.sign_on_server`.

It prints its port, then the body of each request for a token, so that a test sees what was asked (PKCE is not looked at
by this provider). Warnings are its own affair.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any

import oidc_provider_mock
from werkzeug.serving import make_server


def noting(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def noted(environ: dict[str, Any], answer: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/oauth2/token":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            print(body.decode(), flush=True)  # noqa: T201 - what the test reads
        return app(environ, answer)

    return noted


if __name__ == "__main__":
    server = make_server("localhost", 0, noting(oidc_provider_mock.app(require_nonce=True)), threaded=True)
    print(server.server_port, flush=True)  # noqa: T201
    server.serve_forever()
