"""What a flow may read and write: files of one folder, whatever name it is given."""

from pathlib import Path

import pytest

from glucoflow.files import within
from glucoflow.model.errors import Rejected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder, with a secret beside it, and links in it that lead out and in circles."""
    folder = tmp_path / "exchange"
    folder.mkdir()
    (tmp_path / "secret").write_text("s")
    (tmp_path / "exchange-too").mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "file").symlink_to(tmp_path / "secret")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "inside").symlink_to(folder / "year.ndjson")
    return folder


@pytest.mark.parametrize("name", ["year.ndjson", "a/b.csv", "a/../year.ndjson", "./year.ndjson", "inside", "ä x"])
def test_names_inside(folder: Path, name: str) -> None:
    assert within(folder, name).is_relative_to(folder)


def test_the_whole_path_is_a_name_too(folder: Path) -> None:
    assert within(folder, str(folder / "year.ndjson")) == folder / "year.ndjson"


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/passwd",
        "a/../../secret",
        "out/secret",
        "file",
        "circle",
        ".",
        "",
        "../exchange-too/x",
        "a\0b",
    ],
)
def test_names_that_lead_out_are_refused_in_words(folder: Path, name: str) -> None:
    with pytest.raises(Rejected, match=r"must name a file in|cannot be a file"):
        within(folder, name)


def test_the_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    assert within(tmp_path / "new", "x").parent.stat().st_mode & 0o777 == 0o700
