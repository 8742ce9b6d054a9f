"""What the store holds of one person, read off the tables themselves: what goes with a person is counted by its table.

A row is a person's where it points at them, or at a row of theirs, and goes with it (ON DELETE CASCADE).
"""

from sqlalchemy import ColumnElement, Select, Table, func, or_, select

from glucoflow.store.access_tables import GrantRow, LoginAccountRow
from glucoflow.store.tables import Base, PersonRow


def counts(user_id: str) -> dict[str, Select[tuple[int]]]:
    """By the name of each table that can hold rows of a person, the question how many it holds of this one."""
    found = {table: _of(table, user_id) for table in Base.metadata.sorted_tables}
    return {table.name: select(func.count()).where(whose) for table, whose in found.items() if whose is not None}


def accounts_alone_with(user_id: str) -> ColumnElement[bool]:
    """Accounts that see this person and nobody else, and are not an operator's: they go with the person."""
    of_them = select(GrantRow.account_id).where(GrantRow.user_id == user_id)
    of_others = select(GrantRow.account_id).where(GrantRow.user_id != user_id)
    row = LoginAccountRow
    return row.id.in_(of_them) & row.id.not_in(of_others) & row.operator.is_(False)


def _of(table: Table, user_id: str) -> ColumnElement[bool] | None:
    if table.name == PersonRow.__tablename__:
        return None
    if table.name == LoginAccountRow.__tablename__:
        return accounts_alone_with(user_id)
    theirs: list[ColumnElement[bool]] = []
    for key in table.foreign_keys:
        parent = key.column.table
        if key.ondelete != "CASCADE" or parent is table:
            continue
        if parent.name == PersonRow.__tablename__:
            return key.parent == user_id  # whatever else it points at is theirs too
        whose = _of(parent, user_id)
        if whose is not None:
            theirs.append(key.parent.in_(select(key.column).where(whose)))
    return or_(*theirs) if theirs else None
