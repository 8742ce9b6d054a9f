"""Nightscout's sockets, as far as AndroidAPS v3 needs them: it is told what changes instead of asking for it.

A socket says nothing before it has subscribed with an app's secret that may read. It gets the changes of that app's
person alone, whoever wrote them, and is closed once the app is revoked. Alarms can be subscribed to, and none is sent.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
import socketio

from glucoflow.api.exchange import Refused
from glucoflow.api.held import Found, Held
from glucoflow.api.routes import DOOR
from glucoflow.api.site import Site
from glucoflow.model.errors import GlucoflowError
from glucoflow.nightscout.incoming import SHARED, Collection
from glucoflow.nightscout.outgoing import v3_form
from glucoflow.store import App

log = logging.getLogger(__name__)

STORAGE, ALARM = "/storage", "/alarm"
EVERY_S = 10.0
"""How often what other processes wrote is looked for while somebody listens; what apps upload here is told at once."""

PATIENCE_S = 30.0
"""Who has not subscribed by then is sent away."""

SEEN_LATE_MS = 60_000
"""What was written may be found later than it says, by no more than this."""

PAGE = 1_000
LARGEST_MESSAGE = 64 * 1024
BAD_TOKEN = {"success": False, "message": "Missing or bad accessToken"}
NOTHING_FOR_YOU = {"success": False, "message": "Unauthorized to receive any collection"}
OUTAGE = {"success": False, "message": "Service Unavailable"}
Reply = Mapping[str, object]


class _Listener(msgspec.Struct, frozen=True):
    app: App
    collections: frozenset[Collection]


class _Followed(msgspec.Struct):
    """How far a person's collections were told, in epoch ms, and what of the last minute was."""

    told_ms: dict[Collection, int]
    told: dict[tuple[Collection, str, int], None] = {}


class Sockets:
    """Both namespaces, for one event loop. `app` serves them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        # No cookie opens anything here, so any site's script may try: without a secret it learns nothing.
        self._io = socketio.AsyncServer(
            async_mode="asgi",
            namespaces=[STORAGE, ALARM],
            cors_allowed_origins="*",
            max_http_buffer_size=LARGEST_MESSAGE,
        )
        self.app = socketio.ASGIApp(self._io)
        self._listeners: dict[str, _Listener] = {}
        self._followed: dict[str, _Followed] = {}
        self._addresses: dict[str, str] = {}
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._following: asyncio.Task[None] | None = None
        for namespace, subscribe in ((STORAGE, self._subscribe), (ALARM, self._subscribe_alarms)):
            self._io.on("connect", self._connected, namespace=namespace)
            self._io.on("subscribe", subscribe, namespace=namespace)
            self._io.on("disconnect", self._gone, namespace=namespace)

    def on_written(self, _user_id: str, _start: datetime, _end: datetime) -> None:
        """Something was written in this process: those who listen are told now. For any thread."""
        if self._loop is not None and self._listeners:
            with suppress(RuntimeError):  # the loop ended
                self._loop.call_soon_threadsafe(self._news.set)

    async def _connected(self, sid: str, environ: Mapping[str, Any], _auth: object = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._addresses[sid] = (environ.get("asgi.scope", {}).get("client") or ("", 0))[0]
        self._io.start_background_task(self._send_away, sid)

    async def _send_away(self, sid: str) -> None:
        await asyncio.sleep(PATIENCE_S)
        if sid in self._addresses and sid not in self._listeners:
            await self._close(sid)

    async def _gone(self, sid: str, _reason: object = None) -> None:
        self._addresses.pop(sid, None)
        listener = self._listeners.pop(sid, None)
        if listener and all(one.app.user_id != listener.app.user_id for one in self._listeners.values()):
            self._followed.pop(listener.app.user_id, None)

    async def _subscribe(self, sid: str, message: object = None) -> Reply:
        app = await self._app_of(sid, message)
        if not isinstance(app, App):
            return app
        if not app.may_read:
            return NOTHING_FOR_YOU
        asked = message.get("collections") if isinstance(message, dict) else None
        wanted = [name for name in SHARED if not isinstance(asked, list) or name in asked]
        if not wanted:
            return NOTHING_FOR_YOU
        try:
            if app.user_id not in self._followed:
                self._followed[app.user_id] = await asyncio.to_thread(self._begin, app.user_id)
        except GlucoflowError as error:
            return await self._outage(sid, error)
        if sid in self._addresses:
            trail, address = self._site.access.trail, self._addresses[sid]
            await asyncio.to_thread(trail.read, app.name, app.user_id, DOOR, address)
            self._listeners[sid] = _Listener(app, frozenset(wanted))
            self._follow()
        return {"success": True, "collections": wanted}

    async def _subscribe_alarms(self, sid: str, message: object = None) -> Reply:
        app = await self._app_of(sid, message)
        if not isinstance(app, App):
            return app
        if not app.may_read:
            return BAD_TOKEN
        self._listeners[sid] = _Listener(app, frozenset())
        self._follow()
        return {"success": True, "message": "Subscribed for alarms"}

    async def _app_of(self, sid: str, message: object) -> App | Reply:
        token = message.get("accessToken") if isinstance(message, dict) else None
        if not isinstance(token, str) or not 0 < len(token) < 4096:
            return BAD_TOKEN
        try:
            return await asyncio.to_thread(self._site.access.app_by, [token.strip()], self._addresses.get(sid, ""))
        except Refused:
            return BAD_TOKEN
        except GlucoflowError as error:
            return await self._outage(sid, error)

    async def _outage(self, sid: str, error: GlucoflowError) -> Reply:
        """The connection breaks, as a client comes again after that and not after a no."""
        log.warning("a socket was not served: %s", type(error).__name__)
        self._io.start_background_task(self._break, sid)
        return OUTAGE

    async def _break(self, sid: str) -> None:
        await asyncio.sleep(0.5)  # the answer goes first
        for namespace in (STORAGE, ALARM):
            if sid in self._addresses and (whole := self._io.manager.eio_sid_from_sid(sid, namespace)):
                await self._io.eio.disconnect(whole)

    def _follow(self) -> None:
        if self._following is None or self._following.done():
            self._following = asyncio.get_running_loop().create_task(self._tell_as_it_comes())

    async def _tell_as_it_comes(self) -> None:
        while self._listeners:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), EVERY_S)
            self._news.clear()
            try:
                await self._drop_revoked()
                for user_id in list(self._followed):
                    await self._tell(user_id)
            except GlucoflowError as error:
                log.warning("sockets are not told what changed: %s", type(error).__name__)
            except Exception:  # one odd document must not end what all are told
                log.exception("sockets are not told what changed")

    async def _drop_revoked(self) -> None:
        for sid, listener in list(self._listeners.items()):
            found = await asyncio.to_thread(self._site.store.apps.find, listener.app.id)
            if found is None or found.revoked_at is not None or not found.may_read:
                await self._gone(sid)
                await self._close(sid)

    async def _close(self, sid: str) -> None:
        self._addresses.pop(sid, None)
        for namespace in (STORAGE, ALARM):
            if self._io.manager.is_connected(sid, namespace):
                await self._io.disconnect(sid, namespace=namespace)

    async def _tell(self, user_id: str) -> None:
        followed = self._followed.get(user_id)
        if followed is None:  # who listened left while somebody else was told
            return
        for collection, found in await asyncio.to_thread(self._changed, user_id, followed):
            event, body = _event(collection, found)
            for sid, listener in list(self._listeners.items()):
                if listener.app.user_id == user_id and collection in listener.collections:
                    await self._io.emit(event, body, to=sid, namespace=STORAGE)

    def _begin(self, user_id: str) -> _Followed:
        """What is there now is known: whoever subscribes asks for that by itself."""
        followed = _Followed(dict.fromkeys(SHARED, 0))
        newest = self._held(user_id).last_written()
        followed.told_ms = {name: ms - SEEN_LATE_MS for name, ms in newest.items()}
        self._changed(user_id, followed)
        return followed

    def _changed(self, user_id: str, followed: _Followed) -> list[tuple[Collection, Found]]:
        """What was written since it was looked for the last time, oldest first in each collection."""
        found: list[tuple[Collection, Found]] = []
        for name, newest_ms in self._held(user_id).last_written().items():
            if newest_ms <= followed.told_ms[name]:
                continue
            rows = self._since(user_id, name, followed.told_ms[name] - SEEN_LATE_MS)
            fresh = {(name, one.stored.id, one.stored.written_ms): one for one in rows}
            found += [(name, one) for key, one in fresh.items() if key not in followed.told]
            followed.told |= dict.fromkeys(fresh)
            followed.told_ms[name] = max([newest_ms, *(one.stored.written_ms for one in rows[-1:])])
        oldest = min(followed.told_ms.values()) - 2 * SEEN_LATE_MS
        if len(followed.told) > 10 * PAGE:
            followed.told = {one: None for one in followed.told if one[2] >= oldest}
        return found

    def _since(self, user_id: str, collection: Collection, since_ms: int) -> list[Found]:
        found: list[Found] = []
        while page := self._held(user_id).history(collection, since_ms, PAGE):
            found += page
            since_ms = page[-1].stored.written_ms
        return found

    def _held(self, user_id: str) -> Held:
        return Held(self._site.client, self._site.names, user_id)


def _event(collection: Collection, found: Found) -> tuple[str, dict[str, object]]:
    document = v3_form(dict(found.document), found.ms, deleted=found.deleted)
    if found.deleted:
        return "delete", {"colName": collection, "identifier": document["identifier"]}
    event = "create" if document["srvCreated"] == document["srvModified"] else "update"
    return event, {"colName": collection, "doc": document}
