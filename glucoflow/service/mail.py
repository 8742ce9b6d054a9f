"""Mail by somebody's own SMTP server."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import make_msgid

import msgspec
from pydantic import SecretStr

from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.model.same_names import made_of
from glucoflow.settings.doors import MailSettings

ANSWER_WITHIN = 20.0
"""Seconds. A server that hangs holds up one request, and the link is there to copy."""


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A server to send by. `tls`: from the start (port 465), else by STARTTLS, which is never done without."""

    host: str
    port: int
    sender: str
    username: str | None = None
    password: SecretStr | None = None
    tls: bool = False

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand a message over. Raises Unavailable where the server does not take it."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, to, subject
        message["Auto-Submitted"] = "auto-generated"  # so that nobody's holiday answers it
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2] or "localhost")
        message.set_content(text)
        try:
            with self._server() as server:
                if self.username is not None and self.password is not None:
                    server.login(self.username, self.password.get_secret_value())
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(
                f"The mail server {self.host} did not take the message ({type(error).__name__}).",
                remedy="Copy the link and send it yourself; check SMTP_HOST, SMTP_PORT and the log-in in .env.",
            ) from None

    def _server(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.tls:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=ANSWER_WITHIN, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=ANSWER_WITHIN)
        if self.host not in ("localhost", "127.0.0.1", "::1"):
            server.starttls(context=context)
        return server


def mail_of(settings: MailSettings) -> Mail | None:
    """The server to send by, if one is set. Raises Misconfigured where its sender is missing."""
    if settings.host is None:
        return None
    if not settings.sender:
        raise Misconfigured("SMTP_HOST is set, and nobody to send from.", remedy="Set SMTP_SENDER to an address.")
    return made_of(settings, Mail)
