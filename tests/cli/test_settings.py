"""`.env.example` and the settings say the same; nothing in either is missing from the other."""

import re
from pathlib import Path

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from glucoflow.installed import installed
from glucoflow.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE_HEADING = "# --- docker compose only"
SHOWN_BY_EXAMPLE = {"ES_ENDPOINT", "ES_HEAP", "PREFECT_API_URL", "KIBANA_URL", "DEXCOM_REDIRECT_URI"}
"""No default; the example shows what one looks like."""


def settings() -> dict[str, object]:
    """Every variable with its default; None where there is none."""
    found: dict[str, object] = {}
    groups = [field.annotation for name, field in Settings.model_fields.items() if name != "providers"]
    for group in groups + [provider.settings for provider in installed().providers.values()]:
        assert isinstance(group, type)
        assert issubclass(group, BaseSettings)
        prefix = group.model_config.get("env_prefix", "")
        for name, one in group.model_fields.items():
            assert one.default is not PydanticUndefined, f"{prefix}{name} has no default"
            assert one.description, f"{prefix}{name} says nothing about itself"
            found[f"{prefix}{name}".upper()] = one.default
    return found


def example() -> tuple[dict[str, str], dict[str, str]]:
    """The example's variables before the block for compose, and those in it."""
    before, within = (ROOT / ".env.example").read_text().split(COMPOSE_HEADING)
    shown = re.compile(r"^# ([A-Z_]+)=(.*)$", re.MULTILINE)
    return dict(shown.findall(before)), dict(shown.findall(within))


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    shown, for_compose = example()
    assert set(shown) == set(settings())
    assert not set(for_compose) & set(shown)


def test_the_example_shows_the_defaults() -> None:
    shown, _ = example()
    for name, default in settings().items():
        if name in SHOWN_BY_EXAMPLE:
            assert default is None
            assert shown[name]
        elif default is None:
            assert shown[name] == "", f"{name} has no default"
        else:
            assert not isinstance(default, SecretStr)
            plain = f"{default:%H:%M}" if hasattr(default, "hour") else str(default)
            assert shown[name] == plain, name


def test_every_line_of_the_example_is_commented_out() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_the_example_with_every_line_filled_in_loads(tmp_path: Path) -> None:
    """The defaults as text are read back as the defaults: the bounds fit them, and so do the types."""
    shown, _ = example()
    defaults = settings()
    groups = [field.annotation for name, field in Settings.model_fields.items() if name != "providers"]
    for group in groups + [provider.settings for provider in installed().providers.values()]:
        assert isinstance(group, type)
        assert issubclass(group, BaseSettings)
        prefix = group.model_config.get("env_prefix", "").lower()
        lines = [f"{name}={value}" for name, value in shown.items() if name.lower().startswith(prefix) and value]
        file = tmp_path / "env"
        file.write_text("\n".join(lines))
        loaded = group(_env_file=file)
        for name in group.model_fields:
            variable = f"{prefix}{name}".upper()
            if variable not in SHOWN_BY_EXAMPLE:
                assert getattr(loaded, name) == defaults[variable], variable
