"""iglu-python takes naive times as the machine's own zone: fix it, so that the tests say the same everywhere."""

import iglu_python.utils
import pytest


@pytest.fixture(autouse=True)
def iglu_in_utc() -> None:
    iglu_python.utils.set_local_tz("UTC")
