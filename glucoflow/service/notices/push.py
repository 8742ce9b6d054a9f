"""Web push: messages to a browser in which somebody installed the pages, encrypted for it alone (RFC 8291, 8292)."""

import base64
import binascii
import hashlib
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from glucoflow.bounded_http import bounded_session
from glucoflow.http import is_loopback
from glucoflow.model.errors import Rejected
from glucoflow.model.notices import Message
from glucoflow.model.said import said
from glucoflow.model.words import by_comma
from glucoflow.provider import Limits
from glucoflow.service.notices.addresses import Place
from glucoflow.settings.doors import NoticeSettings

LIMITS = Limits(connect_s=5.0, read_s=10.0, answer_s=10.0, max_bytes=2**16)


class Keys(msgspec.Struct, frozen=True):
    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True):
    """What a browser gives (`PushSubscription.toJSON`). With our key it is all that sending takes."""

    endpoint: str
    keys: Keys


class Gone(Exception):
    """The browser takes nothing any more: it was uninstalled, or asked not to."""


def new_key() -> SecretStr:
    """A private key on P-256, as PEM."""
    made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SecretStr(made.decode())


def public_key(private: SecretStr) -> str:
    """What a browser is given to subscribe with: the uncompressed point, base64url without padding."""
    key = serialization.load_pem_private_key(private.get_secret_value().encode(), None)
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


def place_of_browser(text: str, settings: NoticeSettings) -> Place:
    """A browser that subscribed. Raises Rejected for what is no subscription, or at no push service of the list."""
    try:
        found = msgspec.json.decode(text, type=Subscription)
        point, auth = _bytes(found.keys.p256dh), _bytes(found.keys.auth)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise Rejected("subscription", said("is none that a browser gave")) from None
    where = urlsplit(found.endpoint)
    host = (where.hostname or "").lower()
    listed = any(host == one or host.endswith(f".{one}") for one in by_comma(settings.push_hosts))
    safe = where.scheme == "https" or is_loopback(host)
    if len(text) > 4000 or len(point) != 65 or len(auth) != 16 or not (listed and safe):
        raise Rejected("subscription", said("is at no push service that is known here (NOTICE_PUSH_HOSTS)"))
    return Place(channel="push", address=SecretStr(msgspec.json.encode(found).decode()), shown=host)


def push(
    address: SecretStr, message: Message, tag: str, key: SecretStr, contact: str, lasting: timedelta, *, urgent: bool
) -> None:
    """Hand it over to the browser's push service. Raises Gone, or whatever requests and pywebpush raise."""
    from py_vapid import Vapid02
    from pywebpush import WebPushException, webpush

    text = {"title": message.title, "body": message.body, "link": message.link, "tag": tag}
    try:
        webpush(
            msgspec.to_builtins(msgspec.json.decode(address.get_secret_value(), type=Subscription)),
            data=msgspec.json.encode(text).decode(),
            vapid_private_key=Vapid02.from_pem(key.get_secret_value().encode()),
            vapid_claims={"sub": f"mailto:{contact}"},
            ttl=max(0, int(lasting.total_seconds())),
            headers={"Urgency": "high" if urgent else "normal", "Topic": _topic(tag)},
            requests_session=bounded_session(LIMITS, "The push service"),
        )
    except WebPushException as error:
        if error.status_code in (404, 410):
            raise Gone from None
        raise


def _topic(tag: str) -> str:
    """Of two messages that wait at the push service under one topic, the newer replaces the older.

    Hashed: a topic has at most 32 letters and digits (RFC 8030, 5.4), and whose notice it is concerns no push service.
    """
    return hashlib.blake2b(tag.encode(), digest_size=16).hexdigest()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
