"""What opens one account at one provider: secret values by name, in whatever form the provider wants them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from pydantic import SecretStr


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth pair (`access`, `refresh`), user and password with a session, an address with a token.

    `expires_at` is when they must be renewed at the latest; None where only the provider can say.
    """

    values: Mapping[str, SecretStr]
    expires_at: datetime | None = None

    def __getitem__(self, name: str) -> SecretStr:
        """The value of that name. Raises KeyError, naming no value, where there is none."""
        return self.values[name]

    def good_for(self, margin: timedelta, now: datetime) -> bool:
        """Whether they hold for `margin` longer, as far as anybody knows."""
        return self.expires_at is None or self.expires_at > now + margin
