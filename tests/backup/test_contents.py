"""What a backup may hold: a file of a newer version, or of somebody else, is none that is restored."""

import io
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from glucoflow.backup import contents
from glucoflow.backup.contents import Counted, Ending, Manifest, Writing, look_into, understood, writing
from glucoflow.backup.kept_settings import PLACES, as_restored, kept_settings, variables
from glucoflow.checksums import Sum
from glucoflow.es.copies import Line, content
from glucoflow.model.errors import UnreadableFile
from glucoflow.store.migrate import HEAD

NOW = datetime(2026, 11, 30, 4, 10, tzinfo=UTC)
PASSPHRASE = SecretStr("any passphrase")
MANIFEST = Manifest(
    id="1", made_at=NOW, version="0.1.0", revision=HEAD, people=("anna",), lineages={"anna": "first-uuid"}
)
LINES = [Line(f"id{n}", msgspec.Raw(b'{"a": %d}' % n)) for n in range(3)]


def backup(fill: Callable[[Writing], None]) -> io.BytesIO:
    out = io.BytesIO()
    with writing(out, PASSPHRASE, NOW, work=4) as made:
        fill(made)
    return io.BytesIO(out.getvalue())


def look(file: io.BytesIO) -> tuple[Manifest, Any]:
    return look_into(file, PASSPHRASE, lambda _what, _done, _all: None)


def whole(made: Writing) -> None:
    tally = Sum()
    for line in LINES:
        tally.add(content(line))
    made.add_json(contents.MANIFEST, MANIFEST)
    made.add_lines("documents/anna/", LINES)
    made.add_json("documents/anna/tally.json", Counted(documents=3, checksum=tally.text()))
    made.add_json(contents.END, Ending(people=1, documents=3))


def test_a_whole_one_says_what_is_in_it() -> None:
    manifest, counted = look(backup(whole))
    assert manifest == MANIFEST
    assert counted["anna"].documents == 3


def test_large_ones_come_in_parts() -> None:
    large = [Line(str(n), msgspec.Raw(b'"%b"' % (b"x" * 1_000_000))) for n in range(10)]

    def fill(made: Writing) -> None:
        made.add_json(contents.MANIFEST, MANIFEST)
        made.add_lines("documents/anna/", large)
        made.add_json(contents.END, Ending(people=1, documents=0))

    names = [(one.name, list(one.lines())) for one in contents.members(backup(fill), PASSPHRASE) if "anna" in one.name]
    assert [name for name, _ in names] == [f"documents/anna/{n:06}.ndjson" for n in (1, 2)]
    assert [line for _, part in names for line in part] == large


@pytest.mark.parametrize("changed", [{"format": contents.FORMAT + 1}, {"revision": "9999"}])
def test_one_of_a_newer_version_names_it(changed: dict[str, object]) -> None:
    newer = {**msgspec.to_builtins(MANIFEST), **changed, "version": "7.0.0", "unheard_of": True}
    file = backup(lambda made: made.add(contents.MANIFEST, msgspec.json.encode(newer)))
    with pytest.raises(UnreadableFile, match=r"newer glucoflow \(7\.0\.0\)"):
        understood(next(contents.members(file, PASSPHRASE)))


def without_end(made: Writing) -> None:
    made.add_json(contents.MANIFEST, MANIFEST)


def without_a_manifest(made: Writing) -> None:
    made.add("photo.jpg", b"x")


def miscounted(made: Writing) -> None:
    made.add_json(contents.MANIFEST, MANIFEST)
    made.add_lines("documents/anna/", LINES)
    made.add_json("documents/anna/tally.json", Counted(documents=2, checksum="0"))
    made.add_json(contents.END, Ending(people=1, documents=2))


def broken_lines(made: Writing) -> None:
    made.add_json(contents.MANIFEST, MANIFEST)
    made.add("documents/anna/000001.ndjson", b"not json\n")


@pytest.mark.parametrize("fill", [without_end, without_a_manifest, miscounted, broken_lines])
def test_what_opens_and_is_no_backup(fill: Callable[[Writing], None]) -> None:
    with pytest.raises(UnreadableFile, match="no backup of glucoflow"):
        look(backup(fill))


def test_what_is_no_archive() -> None:
    from glucoflow.age import Sealing

    for text in (b"", b"just a letter", b"\x1f\x8b\x08\x00 not gzip"):
        out = io.BytesIO()
        sealing = Sealing(out, PASSPHRASE, 4)
        sealing.write(text)
        sealing.finish()
        with pytest.raises(UnreadableFile, match="no backup of glucoflow"):
            look(io.BytesIO(out.getvalue()))


def test_a_link_in_it_is_not_followed() -> None:
    def fill(made: Writing) -> None:
        made.add_json(contents.MANIFEST, MANIFEST)
        link = tarfile.TarInfo("store.db")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made._archive.addfile(link)

    with pytest.raises(UnreadableFile, match="no backup of glucoflow"):
        look(backup(fill))


def test_settings_come_along_and_places_stay_behind(tmp_path: Any) -> None:
    env = tmp_path / ".env"
    env.write_text(
        "# mine\nDEXCOM_REGION=ous\nES_PASSWORD='two\nlines'\nWEB_PASSWORD='it''s'\nexport ES_ENDPOINT=http://x\n"
    )
    text = kept_settings({"DEXCOM_REGION": "jp", "SMTP_HOST": "mail", "PATH": "/bin", "ES_INDEX": ""}, env)
    assert text.startswith(env.read_text())
    assert "SMTP_HOST='mail'" in text
    assert "jp" not in text
    assert "/bin" not in text
    restored = as_restored(text)
    assert "# mine\nDEXCOM_REGION=ous\n# (before) ES_PASSWORD='two\n# (before) lines'\nWEB_PASSWORD=" in restored
    assert "\n# (before) export ES_ENDPOINT=http://x\n" in restored
    assert kept_settings({}, tmp_path / "nowhere") == ""
    assert set(variables()) >= PLACES
