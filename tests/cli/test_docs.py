"""The page of commands is the commands', and every exit code is explained on it."""

import re

from glucoflow import errors
from scripts.commands import PAGE, page


def test_the_page_is_as_the_commands_are() -> None:
    assert PAGE.read_text() == page(), "run: uv run python scripts/commands.py"


def test_every_command_and_option_says_what_it_is() -> None:
    written = page()
    sections = re.split(r"^## ", written, flags=re.MULTILINE)[1:]
    assert {"`glucoflow up`", "`glucoflow backfill`", "`glucoflow keys rotate`"} <= {
        section.splitlines()[0].lstrip("# ") for section in re.split(r"^##+ ", written, flags=re.MULTILINE)
    }
    for section in sections:
        assert section.splitlines()[2].strip(), f"{section.splitlines()[0]} has no description"
    assert not re.findall(r"^\* `[^`]+`(?:  \[.*)?$", written, flags=re.MULTILINE), "an option without a description"


def test_every_exit_code_is_explained() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GlucoflowError)
    ]
    codes = {str(kind.exit_code) for kind in kinds} | {"0", "2", "130"}
    assert set(re.findall(r"^\| (\d+) \|", PAGE.read_text(), flags=re.MULTILINE)) == codes
