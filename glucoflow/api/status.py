"""What the site says of itself: `status`, `verifyauth`, and whether a credential is good."""

from datetime import datetime
from typing import Any

from glucoflow.api.access import permissions
from glucoflow.api.exchange import Answer, Asked, as_json, as_text
from glucoflow.api.site import Site, known
from glucoflow.model.localtime import epoch_ms
from glucoflow.model.units import MMOL_L
from glucoflow.nightscout.moments import utc_text
from glucoflow.store import App

VERSION = "15.0.7"
"""Of Nightscout, whose interface this is: apps compare it."""

_PIXEL = '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="20"><text x="4" y="15">ok</text></svg>'


def status(site: Site, asked: Asked, app: App | None) -> Answer:
    """Anybody may ask whether this is a site; units and ranges are only for who may read."""
    if asked.form == "txt":
        return as_text("STATUS OK")
    if asked.form == "svg":
        return as_text(_PIXEL, "image/svg+xml")
    if asked.form in ("", "html") and not asked.wants_json:
        return as_text("<h1>STATUS OK</h1>", "text/html; charset=utf-8")
    body = _status(site, app)
    if asked.form == "js":
        return as_text(f"this.serverSettings = {as_json(body).body.decode()} ;", "application/javascript")
    return as_json(body)


def _status(site: Site, app: App | None) -> dict[str, Any]:
    now = site.clock()
    body = {
        "status": "ok",
        "name": "nightscout",
        "version": VERSION,
        "serverTime": utc_text(epoch_ms(now)),
        "serverTimeEpoch": epoch_ms(now),
        "apiEnabled": True,
        "careportalEnabled": True,
        "boluscalcEnabled": False,
        "settings": _settings(site, app),
        "extendedSettings": {"devicestatus": {"advanced": True}},
        "authorized": None,
        "runtimeState": "loaded",
    }
    if app is not None:
        body["authorized"] = site.access.token(app)
    return body


def _settings(site: Site, app: App | None) -> dict[str, Any]:
    person = site.person(app) if app is not None and app.may_read else None
    targets = person.targets if person else None
    low, high = (targets.low, targets.high) if targets else (70, 180)
    return {
        "units": "mmol" if person is not None and person.unit == MMOL_L else "mg/dl",
        "timeFormat": 24,
        "nightMode": False,
        "customTitle": "glucoflow",
        "theme": "default",
        "alarmUrgentHigh": False,
        "alarmHigh": False,
        "alarmLow": False,
        "alarmUrgentLow": False,
        "showPlugins": "delta direction",
        "language": "en",
        "enable": ["delta", "direction", "careportal", "bgnow", "devicestatus", "profile", "treatments"],
        "thresholds": {"bgHigh": 260, "bgTargetTop": high, "bgTargetBottom": low, "bgLow": 55},
        "authDefaultRoles": "denied",
        "authenticationPromptOnLoad": False,
    }


def verify(site: Site, asked: Asked, app: App | None) -> Answer:  # noqa: ARG001
    """Always 200: the answer says what the credential is good for."""
    message = {
        "canRead": app is not None and app.may_read,
        "canWrite": app is not None and app.may_upload,
        "isAdmin": False,
        "message": "OK" if app is not None else "UNAUTHORIZED",
        "rolefound": "FOUND" if app is not None else "NOTFOUND",
        "permissions": "ROLE" if app is not None else "DEFAULT",
    }
    return as_json({"status": 200, "message": message})


def experiments(site: Site, asked: Asked, app: App | None) -> Answer:  # noqa: ARG001
    """Loop's and xdripswift's test of a log-in."""
    known(app)
    return as_json({"status": "ok"})


def api_permissions(app: App) -> dict[str, str]:
    """v3's letters for each collection. Foods and settings are empty and stay so."""
    letters = ("c" if app.may_upload else "") + ("r" if app.may_read else "") + ("ud" if app.may_upload else "")
    full = ("devicestatus", "entries", "profile", "treatments")
    return {name: letters if name in full else "r" for name in (*full, "food", "settings")}


def seconds_text(now: datetime) -> str:
    """A time as HTTP headers have it."""
    return f"{now:%a, %d %b %Y %H:%M:%S} GMT"


__all__ = ["api_permissions", "experiments", "permissions", "seconds_text", "status", "verify"]
