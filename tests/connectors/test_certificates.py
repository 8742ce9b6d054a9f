"""A cloud whose certificate is expired, or of an authority that nobody knows, is told nothing, and that is said."""

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from glucoflow.model.errors import AnswerLost, Retryable
from tests.connectors.conftest import Answer, Provider
from tests.connectors.test_dexcom_oauth import authorizer
from tests.connectors.wire import body, connector

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)


def certified(folder: Path, start: datetime, end: datetime) -> Path:
    """A certificate of this machine with its key, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made up")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(made.public_bytes(pem) + secret)
    return file


@pytest.fixture(params=["unknown", "expired", "good"])
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cloud(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """Speaks TLS. This machine knows its authority, unless it is the one that is unknown."""
    now = datetime.now(UTC)
    end = now - timedelta(days=1) if how == "expired" else now + timedelta(days=1)
    file = certified(tmp_path, now - timedelta(days=9), end)
    if how != "unknown":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    server = Provider()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.encrypt(context)
    server.script = lambda _: Answer(body("egv"))
    server.start()
    yield server
    server.stop()


def test_nothing_is_sent_to_whom_nobody_vouches_for(cloud: Provider, how: str) -> None:
    api, sign_in = connector(cloud.base_url), authorizer(cloud.base_url)
    if how == "good":
        with pytest.raises(Retryable, match="a dataRange that cannot be read"):
            api.extent("readings")
        assert cloud.requests
        return
    with pytest.raises(Retryable, match="certificate of Dexcom was not accepted") as caught:
        api.extent("readings")
    assert "clock" in caught.value.remedy
    with pytest.raises(Retryable, match="certificate of Dexcom's sign-in") as refused:
        sign_in.exchange("secret-code", NOW)
    assert not isinstance(refused.value, AnswerLost), "the token was not spent"
    assert cloud.requests == []
