"""What a person says about a file where the file itself does not: options that several commands share."""

from typing import Annotated, Literal

import typer

from glucoflow.file_reading.choices import Choices, ColumnNames
from glucoflow.model.errors import UnreadableFile

Zone = Annotated[str | None, typer.Option("--zone", help="Time zone of the file's local times (IANA name).")]
DayFirst = Annotated[
    bool | None,
    typer.Option(
        "--day-first/--month-first", help="Whether 03-04 is 3 April or 4 March, where the file leaves it open."
    ),
]
Time = Annotated[str | None, typer.Option("--time", help="Any CSV: heading of the column with the times.")]
Glucose = Annotated[str | None, typer.Option("--glucose", help="Any CSV: heading of the column with the glucose.")]
FileUnit = Annotated[
    Literal["mg/dL", "mmol/L"] | None,
    typer.Option("--unit", help="Unit of the glucose in the file, where the file leaves it open."),
]


def choices(
    zone: str | None,
    day_first: bool | None,
    time: str | None,
    glucose: str | None,
    unit: Literal["mg/dL", "mmol/L"] | None,
) -> Choices:
    """The options together. Raises UnreadableFile where one column is named without the other."""
    if (time is None) != (glucose is None):
        raise UnreadableFile("One column is named without the other.", remedy="Give both --time and --glucose.")
    columns = ColumnNames(time=time, glucose=glucose, unit=unit) if time and glucose else None
    return Choices(zone=zone, day_first=day_first, columns=columns, unit=unit)
