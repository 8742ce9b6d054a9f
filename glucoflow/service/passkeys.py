"""Passkeys (WebAuthn level 2): what an authenticator is asked, and whether its answer proves anything.

Each key is its own second factor: the authenticator asks for a finger, a face or a PIN, and says that it did. Of which
maker it is is not asked.
"""

from datetime import datetime

import msgspec
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from glucoflow.model.errors import Rejected
from glucoflow.model.said import said
from glucoflow.store import Store
from glucoflow.store.login_accounts import LoginAccount
from glucoflow.store.passkeys import Passkey

NOT_PROVEN = said("the authenticator's answer does not fit what it was asked; try again")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the pages are: a key is bound to `host`, and an answer to `origin`."""

    host: str
    origin: str


class AskedOf(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser is to hand to its authenticator, as JSON, and the challenge in it, which works once."""

    options: str
    challenge: str


def ask_for_new(store: Store, account: LoginAccount, place: Place) -> AskedOf:
    """To make a key for an account, unless the authenticator has one for it here."""
    held = [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id)) for one in store.passkeys.list(account.id)]
    made = generate_registration_options(
        rp_id=place.host,
        rp_name="glucoflow",
        user_id=account.id.encode(),
        user_name=account.name,
        exclude_credentials=held,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return AskedOf(options=options_to_json(made), challenge=bytes_to_base64url(made.challenge))


def keep_new(
    store: Store, account: LoginAccount, place: Place, challenge: str, answer: str, name: str, now: datetime
) -> None:
    """Keep the key that was made. Raises Rejected for an answer that does not fit, and for a bad name."""
    try:
        proven = verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=place.host,
            expected_origin=place.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise Rejected("passkey", NOT_PROVEN) from error
    store.passkeys.add(
        Passkey(
            id=bytes_to_base64url(proven.credential_id),
            account_id=account.id,
            name=name,
            host=place.host,
            public_key=proven.credential_public_key,
            uses=proven.sign_count,
            created_at=now,
        )
    )


def ask_for_log_in(place: Place) -> AskedOf:
    """To prove that a key of this place is at hand. Whose, the authenticator says: nobody is named."""
    asked = generate_authentication_options(rp_id=place.host, user_verification=UserVerificationRequirement.REQUIRED)
    return AskedOf(options=options_to_json(asked), challenge=bytes_to_base64url(asked.challenge))


def account_proven(store: Store, place: Place, challenge: str, answer: str, now: datetime) -> LoginAccount | None:
    """Whose key was used; None where the answer proves nothing, the key is unknown or a copy was made of it."""
    try:
        named = msgspec.json.decode(answer, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    held = store.passkeys.find(named.id)
    if held is None or held.host != place.host:
        return None
    try:
        proven = verify_authentication_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=place.host,
            expected_origin=place.origin,
            credential_public_key=held.public_key,
            credential_current_sign_count=held.uses,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    store.passkeys.used(held.id, proven.new_sign_count, now)
    return store.login_accounts.find(held.account_id, now)


class _Named(msgspec.Struct):
    id: str
