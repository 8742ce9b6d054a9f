"""Invitations by mail, to a real mail server on loopback."""

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from elasticsearch import Elasticsearch

from glucoflow.service.mail import Mail
from tests.ports import free_ports
from tests.web.conftest import NAMES
from tests.web.serving import site
from tests.web.visiting import PASSWORD, invited_link, visiting


class Inbox:
    """What came."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


def test_an_invitation_is_sent_and_a_server_that_is_away_costs_nothing(es: Elasticsearch, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    mail, inbox = Mail(host="127.0.0.1", port=port, sender="glucoflow@example.org"), Inbox()
    form = {"name": "Nadia", "email": "nadia@example.org", "unit": "mg/dL", "zone": "UTC"}
    with site(tmp_path, es, NAMES, mail=mail) as served, visiting(served) as olga:
        olga.send_form("/accounts/operator", name="Olga", password=PASSWORD)
        away = olga.send_form("/invites", **form)
        assert "did not take the message" in away.text
        assert invited_link(away), "the link is there to copy"
        server = Controller(inbox, hostname="127.0.0.1", port=port)
        server.start()
        try:
            sent = olga.send_form("/invites", **form)
        finally:
            server.stop()
        assert "It was sent to nadia@example.org" in sent.text
        (message,) = inbox.messages
        assert message["To"] == "nadia@example.org"
        assert message["From"] == "glucoflow@example.org"
        assert served.url + invited_link(sent) in message.get_content()
        refused = olga.send_form("/invites", **{**form, "email": "nadia@example.org\r\nBcc: x@example.org"})
        assert refused.status_code == 422
