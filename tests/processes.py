"""Processes of ours that a test starts beside itself."""

import os

from glucoflow.settings import Settings


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """What tells a process of the same Elasticsearch and store, and `more`."""
    es, store = settings.es, settings.store
    assert es.password
    database = {"GLUCOFLOW_DATABASE_URL": store.database_url.get_secret_value()} if store.database_url else {}
    return {
        **os.environ,
        "ES_ENDPOINT": str(es.endpoint),
        "ES_USER": es.user or "",
        "ES_PASSWORD": es.password.get_secret_value(),
        "ES_INDEX": es.index,
        "GLUCOFLOW_DATA_DIR": str(store.data_dir),
        **database,
        **more,
    }
