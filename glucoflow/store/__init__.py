"""The store: people, connections, encrypted credentials, leases, checkpoints, runs, rejected records, what people mark.

`open_store` gives a `Store`, whose parts (`people`, `connections`, `leases`, `credentials`, `runs`, `backfills`,
`unread`, `calls`, `rejected_records`, `oauth_states`, `login_sessions`, `login_waits`, `apps`, `partners`,
`exclusions`, `protocols`, and `ledger()`) hand out frozen values. SQLite or PostgreSQL.
"""

from glucoflow.store.apps import RIGHTS, UPLOADS, App, AppRights, NewApp
from glucoflow.store.calls import Calls
from glucoflow.store.connections import SYNC
from glucoflow.store.crypto import WrongKey
from glucoflow.store.leases import is_held
from glucoflow.store.opening import Store, open_store
from glucoflow.store.owners import new_owner
from glucoflow.store.partners import NewPartner, Partner, PartnerGrant
from glucoflow.store.values import (
    Backfill,
    BackfillState,
    Checkpoint,
    Connection,
    ConnectionState,
    Exclusion,
    OAuthState,
    OwnTargets,
    Person,
    Protocol,
    ProtocolDay,
    RejectedRecordCount,
    Rotated,
    Run,
    RunState,
    StoredRejectedRecord,
    Unread,
)

__all__ = [
    "RIGHTS",
    "SYNC",
    "UPLOADS",
    "App",
    "AppRights",
    "Backfill",
    "BackfillState",
    "Calls",
    "Checkpoint",
    "Connection",
    "ConnectionState",
    "Exclusion",
    "NewApp",
    "NewPartner",
    "OAuthState",
    "OwnTargets",
    "Partner",
    "PartnerGrant",
    "Person",
    "Protocol",
    "ProtocolDay",
    "RejectedRecordCount",
    "Rotated",
    "Run",
    "RunState",
    "Store",
    "StoredRejectedRecord",
    "Unread",
    "WrongKey",
    "is_held",
    "new_owner",
    "open_store",
]
