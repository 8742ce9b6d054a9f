"""An answer as JSON or CSV, with a tag of its content."""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

CSV = "text/csv; charset=utf-8"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def wants_csv(accept: str) -> bool:
    """Whether CSV comes before JSON in what the client accepts; `*/*` and nothing mean JSON."""
    best, wanted = 0.0, False
    for part in accept.lower().split(","):
        name, *parameters = (one.strip() for one in part.split(";"))
        if name not in ("text/csv", "application/json"):
            continue
        quality = next((_number(one[2:]) for one in parameters if one.startswith("q=")), 1.0)
        if quality > best:
            best, wanted = quality, name == "text/csv"
    return wanted


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def answered(request: Request, value: BaseModel, rows: Sequence[BaseModel] | None = None, name: str = "") -> Response:
    """The value as JSON, or its rows as CSV where that is asked for; 304 where the client has it already."""
    as_csv = rows is not None and wants_csv(request.headers.get("accept", ""))
    body = _csv(rows or ()) if as_csv else value.model_dump_json().encode()
    answer = tagged(
        request, body, CSV if as_csv else "application/json", vary="Accept, Authorization, Cookie, api-secret"
    )
    if as_csv and answer.status_code == 200:
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        cursor = getattr(value, "next", None)
        if cursor:
            answer.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'
    return answer


def tagged(request: Request, body: bytes, media_type: str, *, vary: str) -> Response:
    """The body with a tag of its content; 304 where the client has it already."""
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": vary}
    seen = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in seen:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _csv(rows: Sequence[BaseModel]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    for at, row in enumerate(rows):
        cells = dict(_flat(row.model_dump(mode="json"), ""))
        if at == 0:
            writer.writerow(cells)
        writer.writerow(map(_cell, cells.values()))
    return out.getvalue().encode()


def _flat(value: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield prefix + key, inner


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula stays a text."""
    if isinstance(value, list):
        return len(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
