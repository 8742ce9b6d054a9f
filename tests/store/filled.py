"""A store in which every table has rows, made from the tables themselves: no column is forgotten when one is added."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Table, insert

from glucoflow.store.tables import Base, Instant

NOW = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


def fill(connection: Connection, rows: int = 3) -> None:
    """`rows` rows in each table but `meta`, which has the key's canary; what may be null is so in the first."""
    keys: dict[str, list[Mapping[str, Any]]] = {}
    for table in Base.metadata.sorted_tables:
        if table.name != "meta":
            keys[table.name] = [_row(table, n, keys) for n in range(rows)]
            connection.execute(insert(table), keys[table.name])


def _row(table: Table, n: int, keys: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, Any]:
    return {column.name: _value(column, n, keys) for column in table.columns}


def _value(column: Column[Any], n: int, keys: Mapping[str, list[Mapping[str, Any]]]) -> Any:
    for key in column.foreign_keys:
        parents = keys[key.column.table.name]
        return parents[n % len(parents)][key.column.name]
    if column.nullable and n == 0:
        return None
    kind = datetime if isinstance(column.type, Instant) else column.type.python_type
    if issubclass(kind, bool):
        return n % 2 == 1
    if issubclass(kind, datetime):
        return NOW + timedelta(days=n, microseconds=n)
    if issubclass(kind, date):
        return date(1990, 1, 1) + timedelta(days=n)
    if issubclass(kind, bytes):
        return bytes([0, n, 255])
    if issubclass(kind, float):
        return 0.1 + n / 3
    if issubclass(kind, int):
        return 7 * n + 5
    return f"{column.name}-Zoë-{n}\n'\"\\"
