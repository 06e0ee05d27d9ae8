"""Who is who on this node: accounts, sign-ins and all the ways to prove them, put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from linli.base import Clock
from linli.base.errors import NotAllowed, ResourceNotFound, SignInNeeded, TooOften
from linli.store import DropRecord, PutRecord, Store

from ._accounts import Account, Accounts, new_account_id
from ._asked import Act, Principal
from ._audit import audit_row
from ._cards import Cards
from ._clients import Clients
from ._codes import Codes, People
from ._delays import Delays, class_of, network_of
from ._invitations import Invitations
from ._logins import Login, Logins
from ._messages import Messages
from ._node_key import NodeSecret
from ._oidc import Known, OtherProvider
from ._passkeys import Passkeys
from ._provider import GrantRefused, Provider
from ._records import TENANT, Records, digest
from ._refusals import Refusals

CARD = "card:"
#: so many addresses with their ways of failing are told apart within a minute
FAILURES_MAX = 60
_NOBODY = Principal("nobody", "caller")
#: what OAuth calls it when a program does not prove who it is, or shows what is not good
_UNPROVEN = frozenset({"invalid_client", "invalid_grant", "expired_token"})


class Identity:
    """Everything about sign-in, over the records of one store."""

    def __init__(self, store: Store, city: Clock, wall: Clock, secret: NodeSecret) -> None:
        """Keep everything in this store; sign-ins end by the wall clock, the log goes by the city's."""
        self._records = Records(store, city)
        self._wall = wall
        self.secret = secret
        self.accounts = Accounts(self._records, secret)
        self.clients = Clients(self._records, wall)
        self.logins = Logins(self._records, wall, self._whom)
        self.passkeys = Passkeys(self._records, self.accounts, wall)
        self.invitations = Invitations(self._records, self.accounts, wall)
        self.cards = Cards(self._records, self.accounts, wall, secret)
        self.provider = Provider(self._records, wall, secret, self.logins, self.clients)
        self.delays = Delays(wall)
        self._failures = Refusals(self._written_down, wall, FAILURES_MAX)
        self.other: OtherProvider | None = None

    @property
    def records(self) -> Records:
        """Where all of it is kept."""
        return self._records

    def codes(self, messages: Messages, people: People) -> Codes:
        """Return what sends codes; `people` says to whom of the registry a telephone belongs."""
        return Codes(self._records, self.accounts, messages, people, wall=self._wall, secret=self.secret)

    @contextmanager
    def trying(self, how: str, address: str, persons: Iterable[str] = ()) -> Iterator[None]:
        """Try to sign somebody in; a try that fails, or is turned away as one too many, is written down.

        `how`: as in Login; `persons`: ids of those as whom it was tried, where they are known.
        """
        try:
            yield
        except TooOften:
            self.failed(how, "slowed", address, persons)
            raise
        except (SignInNeeded, NotAllowed, ResourceNotFound):
            self.failed(how, "wrong", address, persons)
            raise
        except GrantRefused as refused:
            if refused.code in _UNPROVEN:
                self.failed(how, "wrong", address, persons)
            raise

    def failed(self, how: str, why: str, address: str, persons: Iterable[str] = ()) -> None:
        """Have it written down that nobody was signed in; of the address only its class is kept."""
        said = f"{how}.{why}"
        row = partial(audit_row, act=Act(_NOBODY), action="sign-in", ok=False, reason=said, whence=class_of(address))
        self._failures.note(TENANT, (network_of(address), said), row, persons)

    async def settled(self) -> None:
        """Return when every failure is written down."""
        await self._failures.settled()

    def login_id(self, credential: str) -> str:
        """Return under which id the sign-in stands that a credential proves: a token of ours, or that of a browser."""
        if credential.count(".") == 2:
            return self.provider.login_of(credential) or ""
        return digest(credential)

    async def by_provider(self, known: Known) -> tuple[Account, tuple[PutRecord | DropRecord, ...]]:
        """Return the account of somebody whom the district's provider knows, and the writes that make or mend it.

        His groups say his role anew each time; without any that has a role here he needs an invitation.
        Raises: NotAllowed. ResourceNotFound: the invitation is no longer open.
        """
        assert self.other is not None  # noqa: S101 - nobody is known by it otherwise
        way = self.accounts.way("provider", f"{self.other.issuer}|{known.subject}")
        account = await self.accounts.by_way(way)
        mapped = self.other.mapped(known.groups)
        if mapped is not None:
            said = Account("", mapped.role, mapped.scopes, mapped.gates, mapped.organisation)
            if account is None:
                made = replace(said, id=new_account_id(), made_by="provider", made_us=self._wall.now_us())
                made = self.accounts.labelled(made, known.name)
                return replace(made, ways=(way,)), self.accounts.drafted(made, (way,))
            role = {name: getattr(said, name) for name in ("role", "scopes", "gates", "organisation")}
            if any(getattr(account, name) != value for name, value in role.items()):
                account = await self.accounts.change(account.id, **role)
            return account, ()
        if account is not None and account.made_by != "provider":
            return account, ()
        if not known.invitation:
            raise NotAllowed(
                "Your identity provider knows you, but none of your groups has a role here. Ask to be invited."
            )
        invitation = await self.invitations.open(known.invitation)
        account = invitation.account
        return account, self.invitations.accepted(known.invitation, invitation, account, (way,))

    async def forget(self, tenant: str, person: str) -> dict[str, int]:
        """End every sign-in of a person who is erased, and remove his accounts; return how many of each went."""
        accounts = [one async for one in self.accounts.all() if (one.tenant, one.person) == (tenant, person)]
        ended = 0
        async for login in self.logins.all():
            if login.who.tenant == tenant and person in (login.who.id, login.for_whom):
                await self.logins.close(login.id)
                ended += 1
        for account in accounts:
            await self.accounts.drop(account.id)
        return {"account": len(accounts), "sign-in": ended}

    async def _written_down(self, _: str, rows: tuple[bytes, ...]) -> None:
        await self._records.write(audit=rows)

    async def _whom(self, login: Login) -> Principal | None:
        """Return as whom a sign-in acts now; None when what it was given for is withdrawn."""
        if login.client.startswith(CARD):
            if await self.cards.get(login.client.removeprefix(CARD)) is None:
                return None
        elif login.client:
            client = await self.clients.get(login.client)
            if client is None:
                return None
            if login.how == "program":
                return client.principal()
        if not login.account:
            return login.who
        account = await self.accounts.get(login.account)
        return self.accounts.principal(account) if account and not account.blocked else None
