"""Who is who on this node: accounts, sign-ins and all the ways to prove them, put together."""

from __future__ import annotations

from linli.base import Clock
from linli.store import Store

from ._accounts import Accounts
from ._asked import Principal
from ._logins import Login, Logins
from ._node_key import NodeSecret
from ._records import Records, digest


class Identity:
    """Everything about sign-in, over the records of one store."""

    def __init__(self, store: Store, city: Clock, wall: Clock, secret: NodeSecret) -> None:
        """Keep everything in this store; sign-ins end by the wall clock, the log goes by the city's."""
        records = Records(store, city)
        self.secret = secret
        self.accounts = Accounts(records, secret)
        self.logins = Logins(records, wall, self._whom)

    def login_id(self, credential: str) -> str:
        """Return under which id the sign-in stands that a credential proves."""
        return digest(credential)

    async def _whom(self, login: Login) -> Principal | None:
        if not login.account:
            return login.who
        account = await self.accounts.get(login.account)
        return self.accounts.principal(account) if account and not account.blocked else None
