"""Who looks at a page, and what they may."""

from datetime import datetime

import msgspec
from pydantic import SecretStr

from glucoflow.store import Store
from glucoflow.store.login_accounts import LoginAccount
from glucoflow.store.login_sessions import LoginSession
from glucoflow.store.shares import Share


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was let in: the operator, an account with what it was granted, or whoever has a share link."""

    name: str
    operator: bool = False
    account: LoginAccount | None = None
    share: Share | None = None
    session: LoginSession | None = None

    def may_read(self, user_id: str) -> bool:
        """See a person. Through a share link only its pages (`may_open`)."""
        if self.share is not None:
            return self.share.user_id == user_id
        return self.operator or (self.account is not None and user_id in self.account.grants)

    def may_change(self, user_id: str) -> bool:
        """Change what a person may change themselves: settings, connections, apps, links, their end."""
        granted = self.account.grants.get(user_id) if self.account else None
        return self.operator or (granted is not None and granted.level == "own")

    def may_open(self, page: str) -> bool:
        """Whether a page of a person that they may see is one of those shared with them."""
        return self.share is None or page in self.share.pages


OPEN_HOME = Visitor(name="operator", operator=True)
"""Whoever is at a home that has no password and no account: it is reachable from its own machine only."""


def is_open_home(store: Store, site_password: SecretStr | None) -> bool:
    """Whether nobody has to log in."""
    return site_password is None and not store.login_accounts.any()


def visitor_of(store: Store, session: LoginSession, site_password: str | None, now: datetime) -> Visitor | None:
    """Whose session it is, if that still holds. `site_password` is the fingerprint of the one in use."""
    holder = session.holder
    if holder.account_id is not None:
        account = store.login_accounts.find(holder.account_id, now)
        if account is None:
            return None
        return Visitor(name=account.name, operator=account.operator, account=account, session=session)
    if holder.share_id is not None:
        share = store.shares.find(holder.share_id)
        return Visitor(name=share.name, share=share, session=session) if share and share.works(now) else None
    if site_password is None or holder.password != site_password:
        return None
    return Visitor(name="operator", operator=True, session=session)
