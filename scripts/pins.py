"""Write every installed distribution's exact version into pyproject.toml's `[tool.uv] constraint-dependencies`.

    uv lock --upgrade && uv sync && uv run python scripts/pins.py          after choosing new versions
    uv run python scripts/pins.py --check                                  in CI: exit 1 if file and environment differ

Constraints say versions and nothing about where they come from, unlike a lock file.
"""

import re
import sys
from importlib.metadata import distributions
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
BLOCK = re.compile(r"\n\[tool\.uv\]\nconstraint-dependencies = \[\n.*?\n\]\n", re.DOTALL)
OURS = {"glucoflow", "pip", "uv"}


def resolved() -> dict[str, str]:
    """Normalised name → version of everything installed here, ourselves and the installers left out."""
    found = {re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d.version for d in distributions()}
    return {name: version for name, version in sorted(found.items()) if name not in OURS}


def block(pins: dict[str, str]) -> str:
    lines = "\n".join(f'    "{name}=={version}",' for name, version in pins.items())
    return f"\n[tool.uv]\nconstraint-dependencies = [\n{lines}\n]\n"


def main(arguments: list[str]) -> int:
    text = PYPROJECT.read_text()
    wanted = block(resolved())
    current = BLOCK.search(text)
    if "--check" in arguments:
        if current and current.group() == wanted:
            return 0
        sys.stderr.write("pyproject.toml's pins differ from this environment. Run: uv run python scripts/pins.py\n")
        return 1
    PYPROJECT.write_text(BLOCK.sub(lambda _: wanted, text) if current else text.rstrip("\n") + "\n" + wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
