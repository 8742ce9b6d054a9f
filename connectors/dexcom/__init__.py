"""Dexcom's official API, version 3: OAuth, and readings, events, calibrations, alerts and devices as our records.

Facts about the API are from its OpenAPI description and portal; the quirks in comments are those that Tidepool's
platform, which reads it at scale, had to learn.
"""

from connectors.dexcom.connector import DexcomConnector, open_connector
from connectors.dexcom.hosts import REGIONS, DexcomHosts
from connectors.dexcom.http import CredentialSource, Limits
from connectors.dexcom.oauth import DexcomAuthorizer

__all__ = [
    "REGIONS",
    "CredentialSource",
    "DexcomAuthorizer",
    "DexcomConnector",
    "DexcomHosts",
    "Limits",
    "open_connector",
]
