"""A dead man's switch: an address outside is called after each good sync; whoever runs it tells when no call came."""

import logging

import requests
from pydantic import SecretStr

from glucoflow.service.notices.sending import NotTaken, all_within
from glucoflow.settings.doors import NoticeSettings

log = logging.getLogger(__name__)

WITHIN = 10.0


def say_alive(settings: NoticeSettings) -> bool:
    """Call the address that is set; False where none is, or it did not answer well. Takes ten seconds at most."""
    if settings.alive_url is None:
        return False
    url = settings.alive_url
    (trouble,) = all_within([lambda: _call(url)], WITHIN)
    if trouble is not None:
        log.warning("the address of NOTICE_ALIVE_URL could not be called: %s", trouble.reason)
    return trouble is None


def _call(url: SecretStr) -> None:
    with requests.get(url.get_secret_value(), timeout=WITHIN / 2, allow_redirects=False, stream=True) as answer:
        if not answer.ok:
            raise NotTaken(f"HTTP {answer.status_code}")
