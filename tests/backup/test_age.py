"""The encryption of backups against age itself: each opens what the other sealed, and neither opens anything else."""

import io

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from glucoflow.age import Opening, Sealing
from glucoflow.model.errors import Misconfigured, UnreadableFile

PASSPHRASE = SecretStr("ein Satz, den sonst niemand sagt")
LIGHT = 4
CHUNK, TAG = 65_536, 16
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 200_000]


def sealed(content: bytes, *writes: int) -> bytes:
    out = io.BytesIO()
    sealing, rest = Sealing(out, PASSPHRASE, LIGHT), content
    for size in writes:
        sealing.write(rest[:size])
        rest = rest[size:]
    sealing.write(rest)
    sealing.finish()
    return out.getvalue()


def opened(file: bytes, passphrase: SecretStr = PASSPHRASE) -> bytes:
    return io.BufferedReader(Opening(io.BytesIO(file), passphrase)).read()


def content(size: int) -> bytes:
    return bytes(n * 7 % 251 for n in range(size))


@pytest.mark.parametrize("size", SIZES)
def test_age_opens_what_was_sealed_here(size: int) -> None:
    assert pyrage.passphrase.decrypt(sealed(content(size)), PASSPHRASE.get_secret_value()) == content(size)


@pytest.mark.parametrize("size", SIZES[::3])
def test_what_age_sealed_is_opened_here(size: int) -> None:
    assert opened(pyrage.passphrase.encrypt(content(size), PASSPHRASE.get_secret_value())) == content(size)


@given(st.binary(max_size=300), st.lists(st.integers(0, 90_000), max_size=4))
def test_however_it_is_written_it_is_the_same(head: bytes, writes: list[int]) -> None:
    whole = head + content(150_000 if writes else 100)
    assert opened(sealed(whole, *writes)) == whole


@given(st.data())
def test_whatever_is_changed_or_missing_is_noticed(data: st.DataObject) -> None:
    """One bit anywhere, or an end anywhere."""
    file = sealed(content(70_000))
    place = data.draw(st.integers(0, len(file) - 1))
    spoiled = bytearray(file)
    spoiled[place] ^= 1 << data.draw(st.integers(0, 7))
    for bad in (bytes(spoiled), file[:place]):
        with pytest.raises((UnreadableFile, Misconfigured)):
            opened(bad)


def test_a_file_that_ends_between_two_chunks_is_cut_short() -> None:
    file = sealed(content(3 * CHUNK))
    with pytest.raises(UnreadableFile, match="cut short"):
        opened(file[: -(CHUNK + TAG)])


def test_chunks_that_changed_places_are_noticed() -> None:
    file = sealed(content(3 * CHUNK))
    first = len(file) - 3 * (CHUNK + TAG)
    one, two = file[first : first + CHUNK + TAG], file[first + CHUNK + TAG : first + 2 * (CHUNK + TAG)]
    with pytest.raises(UnreadableFile, match="changed"):
        opened(file[:first] + two + one + file[first + 2 * (CHUNK + TAG) :])


def test_another_passphrase_says_so_and_not_which() -> None:
    with pytest.raises(Misconfigured, match="passphrase is not the one") as raised:
        opened(sealed(b"x"), SecretStr("another one"))
    assert "another one" not in str(raised.value)


@pytest.mark.parametrize("file", [b"", b"age-encryption.org/v1\n", b"PK\x03\x04", b"age-encryption.org/v2\n-> scrypt"])
def test_what_is_no_such_file(file: bytes) -> None:
    with pytest.raises(UnreadableFile, match="no file that is encrypted"):
        opened(file)


def test_a_file_for_a_key_is_none_for_a_passphrase() -> None:
    key = pyrage.x25519.Identity.generate()
    with pytest.raises(UnreadableFile):
        opened(pyrage.encrypt(b"x", [key.to_public()]))


def test_nobody_is_made_to_work_for_hours() -> None:
    file = sealed(b"x").replace(b" 4\n", b" 30\n", 1)
    with pytest.raises(UnreadableFile, match="more work"):
        opened(file)
