"""A stand-in for Kibana on a real port: spaces, roles, import and export as its HTTP API answers them.

Import follows what was seen in 8.12.2: 200 with `success: false` when an object is refused, and the others are written
all the same; 422 for the whole file when a version is too high; an id that another space holds becomes a new one, ours
is kept as `originId`, and the next import finds it by that.
"""

import base64
import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USER, PASSWORD = "operator", "correct-horse"


@dataclass
class Kibana:
    """What it holds, and what is to go wrong."""

    version: str = "8.12.2"
    level: str = "available"
    refuse: str | None = None
    """The id of an object that import refuses."""
    fault: tuple[str, int] | None = None
    """Part of a path, and the status it answers."""
    page: bool = False
    """Answers a web page in place of JSON."""
    spaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    roles: dict[str, Any] = field(default_factory=dict)
    users: dict[str, Any] = field(default_factory=dict)
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    features: tuple[str, ...] = ("dashboard", "discover", "visualize", "maps", "siemV2", "ml", "savedObjectsTagging")
    hides_features: bool = True
    settings_path: str = "/internal/kibana/settings"
    calls: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        space, path = re.fullmatch(r"(?:/s/([^/]+))?(/.*)", path).groups()  # type: ignore[union-attr]
        if self.fault and self.fault[0] in path:
            return self.fault[1], {"message": "made to fail"}
        if path == "/api/status":
            return 200, {"version": {"number": self.version}, "status": {"overall": {"level": self.level}}}
        if path.startswith("/api/spaces/space"):
            return self._space(method, path, body)
        if path == "/api/features":
            return 200, [{"id": one, "name": one.title()} for one in self.features]
        if path == self.settings_path:
            self.settings.setdefault(space or "default", {}).update(json.loads(body)["changes"])
            return 200, {"settings": {}}
        if path.startswith(("/api/security/role/", "/_security/user/")):
            kept = self.roles if "role" in path else self.users
            name = path.rsplit("/", 1)[1]
            if method == "DELETE":
                return (204, None) if kept.pop(name, None) else (404, {"message": "not found"})
            kept[name] = json.loads(body)
            return 204, None
        if "_import" in path:
            return self._import(space or "default", body)
        if "_export" in path:
            held = [one for key, one in self.objects.items() if key[0] == space]
            return (200, "\n".join(map(json.dumps, held))) if held else (400, {"message": "nothing"})
        found = re.fullmatch(r"/api/saved_objects/([^/]+)/([^/?]+).*", path)
        if found and method == "DELETE":
            return (200, {}) if self.objects.pop((space or "", found[1], found[2]), None) else (404, {})
        return 404, {"message": "no such route"}

    def _space(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if method == "DELETE":
            name = path.rsplit("/", 1)[1]
            self.objects = {key: one for key, one in self.objects.items() if key[0] != name}
            return (204, None) if self.spaces.pop(name, None) else (404, {})
        space = json.loads(body)
        if space["disabledFeatures"] and not self.hides_features:
            return 400, {"message": "[request body.disabledFeatures]: not allowed"}
        if method == "POST" and space["id"] in self.spaces:
            return 409, {"message": "exists"}
        self.spaces[space["id"]] = space
        return 200, space

    def _import(self, space: str, body: bytes) -> tuple[int, Any]:
        objects = [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]
        assert b'filename="glucoflow.ndjson"' in body
        errors = [
            {"type": one["type"], "id": one["id"], "error": {"type": "unknown"}}
            for one in objects
            if one["id"] == self.refuse
        ]
        named = {(one["type"], one["id"]): self._id_in(space, one) for one in objects}
        for one in objects:
            if one["id"] == self.refuse:
                continue
            name = named[(one["type"], one["id"])]
            origin = {"originId": one["id"]} if name != one["id"] and "originId" not in one else {}
            references = [{**r, "id": named.get((r["type"], r["id"]), r["id"])} for r in one["references"]]
            self.objects[(space, one["type"], name)] = {**one, "id": name, "references": references, **origin}
        return 200, {"success": not errors, "successCount": len(objects) - len(errors), "errors": errors}

    def _id_in(self, space: str, one: dict[str, Any]) -> str:
        """The id under which an object of this id is kept in a space."""
        for held_in, kind, name in self.objects:
            held = self.objects[(held_in, kind, name)]
            if (held_in, kind) == (space, one["type"]) and one["id"] in (name, held.get("originId")):
                return name
        elsewhere = any(kind == one["type"] and name == one["id"] for _, kind, name in self.objects)
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{space}/{one['id']}")) if elsewhere else str(one["id"])


@contextmanager
def running(kibana: Kibana) -> Iterator[Kibana]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kibana.calls.append(f"{self.command} {self.path}")
            wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if self.headers.get("authorization") != wanted:
                self._send(401, {"message": "[security_exception] missing authentication credentials"})
            elif not self.path.startswith("/_security") and "kbn-xsrf" not in self.headers:
                self._send(400, {"message": "Request must contain a kbn-xsrf header."})
            else:
                self._send(*kibana.answer(self.command, self.path, body))

        def _send(self, status: int, what: Any) -> None:
            text = "<html>Welcome</html>" if kibana.page else what if isinstance(what, str) else json.dumps(what)
            out = b"" if status == 204 else text.encode()
            self.send_response(status)
            self.send_header("content-length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kibana.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kibana
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
