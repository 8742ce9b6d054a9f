"""Addresses of receivers: what somebody typed, understood and checked before it is kept.

An address makes this machine send something somewhere, so not everybody may name any: people name mail addresses (sent
by the operator's server), browsers of theirs (at push services of a list), and services of Apprise that always live at
the same host. Only the operator names others, which can reach whatever this machine reaches (docs/security.md).
"""

import logging
import re
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import SecretStr

from glucoflow.model.errors import Rejected
from glucoflow.model.notices import Channel
from glucoflow.model.said import said
from glucoflow.model.words import by_comma
from glucoflow.settings.doors import NoticeSettings

if TYPE_CHECKING:  # half a second, and a hundred modules, for whoever sends
    from apprise import NotifyBase

_MAIL = re.compile(r"[^@\s<>,;:\"]{1,64}@[^@\s<>,;:\"]{1,190}")
LONGEST = 1000


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where notices go: `address` whole, and `shown`, which says which one it is to whoever entered it, and no more."""

    channel: Channel
    address: SecretStr
    shown: str


def place_of(text: str, settings: NoticeSettings, *, mail: bool, operator: bool) -> Place:
    """The place that somebody means. `mail`: whether there is a server to send by.

    Raises Rejected, saying what can be entered.
    """
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise Rejected("address", said("is a mail address, or one of Apprise such as ntfy://topic"))
    if "://" not in text:
        return _mail(text, mail)
    plugin = service(SecretStr(text))
    if plugin is None:
        raise Rejected("address", said("is none that Apprise understands; its documentation lists them by service"))
    if not operator and not _fixed(plugin, text, settings):
        known = ", ".join(by_comma(settings.services))
        raise Rejected("address", said("of this kind only the operator can add; you can use %(known)s", known=known))
    return Place(channel="service", address=SecretStr(text), shown=_shown(plugin, text))


def service(address: SecretStr) -> "NotifyBase | None":
    """Apprise's plug-in for an address; None where it is none. It follows no redirects and keeps nothing on disk."""
    import apprise
    from apprise.common import PersistentStoreMode

    quiet()
    asset = apprise.AppriseAsset(
        app_id="glucoflow",
        app_desc="glucoflow",
        async_mode=False,
        secure_logging=True,
        http_redirects=False,
        storage_mode=PersistentStoreMode.MEMORY,
    )
    found: Any = apprise.Apprise.instantiate(address.get_secret_value(), asset=asset, suppress_exceptions=True)
    return found or None


def quiet() -> None:
    """Apprise's own lines hold addresses: they go nowhere but to whoever listens for the reason (`sending`)."""
    logging.getLogger("apprise").propagate = False


def _mail(text: str, mail: bool) -> Place:
    if not _MAIL.fullmatch(text):
        raise Rejected("address", said("is a mail address, or one of Apprise such as ntfy://topic"))
    if not mail:
        raise Rejected("address", said("cannot be a mail address: no mail server is set (SMTP_HOST)"))
    name, _, host = text.partition("@")
    return Place(channel="mail", address=SecretStr(text), shown=f"{name[0]}…@{host}")


def _fixed(plugin: "NotifyBase", text: str, settings: NoticeSettings) -> bool:
    """Whether it is of a service that people may use, at its own host, with no option beside."""
    if not names_of(plugin) & set(by_comma(settings.services)) or "?" in text:
        return False
    return getattr(plugin, "mode", "cloud") != "private"  # ntfy's word for a server of one's own


def names_of(plugin: "NotifyBase") -> set[str]:
    """The schemes by which a plug-in is called: `ntfy`, `ntfys`."""
    found: set[str] = set()
    for one in (plugin.protocol, plugin.secure_protocol):
        if one:
            found |= {one} if isinstance(one, str) else set(one)
    return found


def _shown(plugin: "NotifyBase", text: str) -> str:
    end = text.rstrip("/")[-2:] if len(text) > 20 else ""
    return f"{plugin.service_name} …{end}"
