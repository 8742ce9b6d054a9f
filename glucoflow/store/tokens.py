"""Tokens of links and cookies: 256 random bits, of which only a hash is stored; a plain one is as good as a slow."""

import hashlib
import secrets


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
