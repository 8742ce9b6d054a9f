"""The MCP server, asked by the SDK's own client over both transports: what it tells, of whom, and how small."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import StdioServerParameters, stdio_client
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from glucoflow.store import open_store
from tests.api.conftest import NAMES, Phone, moves_in
from tests.api.loops import in_a_loop
from tests.node import Node
from tests.web.serving import Site

ROOT = Path(__file__).parents[2]
SMALL = 40_000
"""Characters of the largest answer."""

SOME: dict[str, dict[str, Any]] = {
    "getWearableInsights": {"metricType": "glucose", "days": 14},
    "get_current_glucose": {},
    "get_glucose_readings": {"hours": 24},
    "get_glucose_stats": {"hours": 48},
    "get_time_in_range": {"days": 7},
    "get_variability": {"days": 14},
    "get_patterns": {"days": 14, "unit": "mmol/L"},
    "get_insights": {"days": 14},
    "compare_adherence": {},
    "get_daily_summaries": {"days": 7},
    "get_episodes": {"days": 14},
    "get_events": {"hours": 72},
    "get_profile": {},
}


@pytest.fixture(scope="module")
def olga(doors: Site) -> str:
    return moves_in(doors, "olga", days=31, seed=11)


@asynccontextmanager
async def over_http(site: Site, secret: str) -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {secret}"}, timeout=120) as http:
        transport = streamable_http_client(f"{site.url}/mcp", http_client=http)
        async with Client(transport) as client:
            yield client


def asked(site: Site, secret: str, ask: Callable[[Client], Any]) -> Any:
    async def run() -> Any:
        async with over_http(site, secret) as client:
            return await ask(client)

    return in_a_loop(run)


def test_every_tool_answers_with_what_stands_behind_it(doors: Site, olga: str) -> None:
    async def all_of_them(client: Client) -> dict[str, Any]:
        tools = (await client.list_tools()).tools
        assert {one.name for one in tools} == set(SOME)
        assert all(one.annotations and one.annotations.read_only_hint for one in tools)
        return {name: await client.call_tool(name, how) for name, how in SOME.items()}

    with Phone(doors, olga, "read") as phone:
        found = asked(doors, phone.secret, all_of_them)
        figures = phone.get("/api/people/olga/figures?hours=48").json()
    told = {name: one.structured_content for name, one in found.items()}
    for name, one in found.items():
        assert not one.is_error, (name, one.content)
        assert len(one.content[0].text) < SMALL, name
        assert phone.secret not in str(one)
    for name in ("getWearableInsights", "get_glucose_stats", "get_time_in_range", "get_variability", "get_episodes"):
        window = told[name]["window"]
        assert window["n"] > 500, name
        assert 50 < window["active_percent"] <= 100
        assert window["age_minutes"] >= 4
    assert told["get_glucose_stats"]["metrics"]["tir_percent"] == pytest.approx(
        figures["metrics"]["tir_percent"], abs=1
    )
    reading = told["get_current_glucose"]["reading"]
    assert reading["mmol_l"] == round(reading["mg_dl"] / 18.01559, 5)
    assert told["getWearableInsights"]["change"]
    assert len(told["get_daily_summaries"]["days"]) == 7
    assert 200 < len(told["get_glucose_readings"]["readings"]) <= 288
    assert told["compare_adherence"]["measures"] == []


def test_a_token_reads_its_own_person_alone(doors: Site, olga: str, user: str) -> None:
    async def name_and_latest(client: Client) -> tuple[Any, Any]:
        profile, latest = await client.call_tool("get_profile"), await client.call_tool("get_current_glucose")
        return profile.structured_content["id"], latest.structured_content["reading"]

    with Phone(doors, olga, "read") as hers, Phone(doors, user, "both") as other, Phone(doors, olga, "upload") as wrong:
        assert asked(doors, hers.secret, name_and_latest)[0] == olga
        assert asked(doors, other.secret, name_and_latest) == (user, None)
        hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        for secret, status in ((wrong.secret, 403), ("nothing-0123456789abcdef", 401)):
            headers = {"authorization": f"Bearer {secret}", "accept": "application/json, text/event-stream"}
            assert httpx.post(f"{doors.url}/mcp", json=hello, headers=headers).status_code == status
        for nothing in ({}, {"authorization": "Bearer"}):
            assert httpx.post(f"{doors.url}/mcp?token={hers.secret}", json=hello, headers=nothing).status_code == 401


def test_what_cannot_be_is_an_error_in_words(doors: Site, olga: str) -> None:
    async def wrongly(client: Client) -> list[Any]:
        return [
            await client.call_tool("get_time_in_range", {"days": 4_000}),
            await client.call_tool("getWearableInsights", {"metricType": "steps"}),
            await client.call_tool("get_patterns", {"days": 15}),
        ]

    with Phone(doors, olga, "read") as phone:
        for one in asked(doors, phone.secret, wrongly):
            assert one.is_error
            assert "Traceback" not in one.content[0].text


def test_over_standard_input_and_output(doors: Site, olga: str, tmp_path: Path, elasticsearch_node: Node) -> None:
    """The command itself, as an assistant's program starts it, over the same documents."""
    with open_store(tmp_path / "data") as store:
        store.people.add(olga, "Olga", datetime.now(UTC), zone="Europe/Berlin")
    settings = {
        "ES_ENDPOINT": elasticsearch_node.url,
        "ES_USER": elasticsearch_node.username,
        "ES_PASSWORD": elasticsearch_node.password.get_secret_value(),
        "ES_INDEX": NAMES.alias(olga).removesuffix(olga),
        "GLUCOFLOW_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
    }
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "glucoflow", "mcp", olga], cwd=tmp_path, env={**os.environ, **settings}
    )

    async def run() -> Any:
        async with Client(stdio_client(command)) as client:
            return await client.call_tool("get_profile"), await client.call_tool("get_time_in_range", {"days": 14})

    profile, shares = in_a_loop(run)
    assert profile.structured_content["name"] == "Olga"
    assert shares.structured_content["window"]["n"] > 3_000
