"""What the page about security names as proof is there: each test, file and name; each number of the standard once."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## OWASP ASVS, level 2")[2]
PROOF = re.compile(r"`((?:tests|glucoflow|docs|docker|flows)/[\w./]+|pyproject\.toml)(?:::(\w+))?`")


def test_every_proof_is_there() -> None:
    proofs = PROOF.findall(PAGE)
    assert len(proofs) > 80
    missing = []
    for path, name in proofs:
        file = ROOT / path
        if not file.is_file() or (name and not re.search(rf"^(?:def|class) {name}\b", file.read_text(), re.MULTILINE)):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_every_requirement_stands_once_and_has_a_proof() -> None:
    rows = [row.strip("| ").split(" | ", 1) for row in TABLE.splitlines() if re.match(r"\| \d", row)]
    assert len(rows) > 70
    numbers = [number for row in rows for number in re.findall(r"\b\d{1,2}\.\d{1,2}\.\d{1,2}\b", row[0])]
    assert len(numbers) > 140
    assert len(set(numbers)) == len(numbers)
    assert all(len(row) == 2 and len(row[1]) > 10 for row in rows)


def test_the_threat_model_comes_first_and_is_of_one_page() -> None:
    model = PAGE.partition("## Who might attack")[2].partition("\n## ")[0]
    assert 5 < model.count("\n| ") < 20
    assert len(model.split()) < 600
