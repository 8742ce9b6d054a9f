"""Where Dexcom's API is. An account lives in exactly one region, with client credentials of that region."""

import msgspec

REGIONS: dict[str, str] = {
    "us": "https://api.dexcom.com",
    "ous": "https://api.dexcom.eu",
    "jp": "https://api.dexcom.jp",
    "sandbox": "https://sandbox-api.dexcom.com",
}
"""Region to base URL."""


class DexcomHosts(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of one region. Prefixes are settings, since Dexcom's own pages name both v2 and v3 for OAuth."""

    base_url: str
    oauth_prefix: str = "v3"
    api_prefix: str = "v3"

    @property
    def login(self) -> str:
        return f"{self.base_url}/{self.oauth_prefix}/oauth2/login"

    @property
    def token(self) -> str:
        return f"{self.base_url}/{self.oauth_prefix}/oauth2/token"

    def data(self, endpoint: str) -> str:
        """The URL of one of `egvs`, `events`, `calibrations`, `alerts`, `devices`, `dataRange`."""
        return f"{self.base_url}/{self.api_prefix}/users/self/{endpoint}"
