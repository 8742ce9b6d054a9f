"""What a person says about a file. What they leave out, the file itself has to say."""

import msgspec

from glucoflow.model.units import Unit


class ColumnNames(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of any CSV by their headings; `unit` where no heading says it."""

    time: str
    glucose: str
    unit: Unit | None = None


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says about a file. What they leave out, the file itself has to say."""

    zone: str | None = None
    day_first: bool | None = None
    columns: ColumnNames | None = None
    unit: Unit | None = None
