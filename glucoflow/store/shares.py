"""Share links: some pages of one person, for whoever has the link, until a moment or until they are revoked."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select

from glucoflow.model.errors import Rejected
from glucoflow.model.same_names import made_of
from glucoflow.store.access_tables import AuditRow, ShareRow
from glucoflow.store.database import Database
from glucoflow.store.login_accounts import checked_name, refuse_past
from glucoflow.store.people import add_of_person
from glucoflow.store.tokens import hash_of, new_token


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One link, without its token. `uses` counts the times it was opened."""

    id: str
    user_id: str
    name: str
    pages: tuple[str, ...]
    until: datetime
    created_by: str
    created_at: datetime
    revoked_at: datetime | None
    uses: int = 0
    last_used_at: datetime | None = None

    def works(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.until


class NewShare(msgspec.Struct, frozen=True, kw_only=True):
    """A link just made. `token` is part of it, shown once and stored nowhere."""

    share: Share
    token: str

    def __repr__(self) -> str:
        return f"NewShare({self.share!r})"


class Shares:
    """Everybody's links."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, user_id: str, name: str, pages: Sequence[str], until: datetime, created_by: str, now: datetime
    ) -> NewShare:
        """A new link. Raises Rejected for an unknown person, no page, a bad name, or an end that has passed."""
        if not pages:
            raise Rejected("pages", "choose at least one")
        refuse_past(until, now)
        token = new_token()
        row = ShareRow(
            id=uuid.uuid4().hex, hash=hash_of(token), user_id=user_id, name=checked_name(name), pages=",".join(pages),
            until=until, created_by=created_by, created_at=now,
        )  # fmt: skip
        with self._database.write() as session:
            add_of_person(session, row, user_id)
            return NewShare(share=_share(row), token=token)

    def of_token(self, token: str, now: datetime) -> Share | None:
        """The link, if it still works."""
        with self._database.read() as session:
            row = session.scalar(select(ShareRow).where(ShareRow.hash == hash_of(token)))
            return None if row is None or not _share(row).works(now) else _share(row)

    def find(self, share_id: str) -> Share | None:
        """The link, whether it works or not."""
        with self._database.read() as session:
            row = session.get(ShareRow, share_id)
            return None if row is None else _share(row)

    def list(self, user_id: str) -> tuple[Share, ...]:
        """A person's links with their uses, the newest first."""
        opened = (AuditRow.share_id == ShareRow.id, AuditRow.action == "opened")
        uses = select(func.coalesce(func.sum(AuditRow.times), 0)).where(*opened).scalar_subquery()
        last = select(func.max(AuditRow.at)).where(*opened).scalar_subquery()
        query = select(ShareRow, uses, last).where(ShareRow.user_id == user_id)
        with self._database.read() as session:
            found = session.execute(query.order_by(ShareRow.created_at.desc(), ShareRow.id)).all()
            return tuple(_share(row, int(n), at) for row, n, at in found)

    def revoke(self, share_id: str, now: datetime) -> None:
        """From now on the link, and every browser that came by it, sees nothing."""
        with self._database.write() as session:
            row = session.get(ShareRow, share_id)
            if row is None:
                raise Rejected("share", "is not there any more")
            row.revoked_at = row.revoked_at or now


def _share(row: ShareRow, uses: int = 0, last_used_at: datetime | None = None) -> Share:
    return made_of(row, Share, pages=tuple(row.pages.split(",")), uses=uses, last_used_at=last_used_at)
