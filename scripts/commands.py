"""Write docs/commands.md from the commands themselves. A test says when that is due."""

import html
import re
from pathlib import Path

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from glucoflow.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"

HEAD = """# Commands

Each is run as `uv run glucoflow …`, or with compose as `docker compose exec worker glucoflow …`. Tables, figures and
JSON go to standard output; progress, messages and logs to standard error.
The page is written by `uv run python scripts/commands.py`.

| exit code | meaning |
|---|---|
| 0 | all is well |
| 1 | done, but something needs attention; it says what |
| 2 | the command line is wrong |
| 65 | what was given cannot be used: an unknown person, swapped days, a file |
| 69 | something cannot be used: Elasticsearch, the database, Java, a port, a folder |
| 70 | it failed |
| 75 | the other side does not answer now; it will be tried again |
| 76 | the provider cannot give a part of what was asked for |
| 77 | somebody must connect again |
| 78 | a setting, key or password is missing or wrong |
| 130 | stopped by Ctrl-C |
"""


def page() -> str:
    """The whole page, as the commands are now."""
    command = get_command(app)
    written = html.unescape(get_docs_for_click(obj=command, ctx=typer.Context(command), name="glucoflow"))
    sections = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n*", "", written).partition("\n## ")[2]
    page = f"{HEAD}\n## {sections}".replace("* `--help`: Show this message and exit.\n", "")
    return re.sub(r"\*\*Options\*\*:\n\n+(?=##|$)", "", page).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
