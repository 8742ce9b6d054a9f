"""A process of its own that asks the store for things; tests start several, or kill one at a point.

python -m tests.store.worker token  FOLDER DATABASE_URL CONNECTION PROVIDER_URL NOW [POINT]
python -m tests.store.worker open   FOLDER DATABASE_URL
"""

import os
import sys
from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from glucoflow.store import open_store
from tests.store.provider import refresh_at


def main(task: str, folder: str, url: str, *rest: str) -> None:
    die_at = rest[3] if len(rest) > 3 else None

    def on_point(point: str) -> None:
        if point == die_at:
            os._exit(9)

    with open_store(Path(folder), url=SecretStr(url) if url else None, on_point=on_point) as store:
        if task == "token":
            connection, provider, now = rest[:3]
            refresh = partial(refresh_at, provider)
            credentials = store.credentials.current(connection, datetime.fromisoformat(now), refresh)
            sys.stdout.write(credentials["access"].get_secret_value())


if __name__ == "__main__":
    main(*sys.argv[1:])
