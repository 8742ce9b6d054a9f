"""`glucoflow accounts`, in process, over a real store."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from pydantic import SecretStr

from glucoflow.service.passwords import Passwords
from glucoflow.store import open_store
from tests.cli.conftest import Command

PASSWORD = "a walk by the lake at dusk"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is typed when a password is asked for, newest first."""
    answers = [PASSWORD]
    monkeypatch.setattr(typer, "prompt", lambda *_args, **_how: answers[0])
    return answers


def test_an_account_is_made_listed_given_a_new_password_and_removed(
    command: Command, clean: pytest.MonkeyPatch, tmp_path: Path, typed: list[str]
) -> None:
    clean.setenv("GLUCOFLOW_DATA_DIR", str(tmp_path))
    with open_store(tmp_path) as store:
        store.people.add("anna", "Anna", datetime.now(UTC))
    assert command("accounts", "add", "Anna").code == 65
    assert command("accounts", "add", "Anna", "--user", "nobody").code == 65
    assert command("accounts", "add", "Anna", "--user", "anna").code == 0
    assert command("accounts", "add", "olga", "--operator").code == 0
    assert "is taken" in command("accounts", "add", "OLGA", "--operator").err
    listed = command("accounts", "list").out
    assert "anna (own)" in listed
    assert "everybody" in listed
    typed[0] = "short"
    assert "10 to 200 characters" in command("accounts", "password", "anna").err
    typed[0] = "another walk by the lake"
    assert command("accounts", "password", "anna").code == 0
    with open_store(tmp_path) as store:
        account = store.login_accounts.named("anna", datetime.now(UTC))
        assert account is not None
        hashed = store.login_accounts.password_hash(account.id)
    assert [Passwords().fits(hashed, SecretStr(one)) for one in (PASSWORD, typed[0])] == [False, True]
    assert "last operator" in command("accounts", "remove", "olga").err
    assert command("accounts", "remove", "anna").code == 0
    assert command("accounts", "remove", "olga").code == 0
    assert command("accounts", "password", "olga").code == 65
