"""One-time codes for people at home: six digits to their own telephone, good for ten minutes, for one browser.

Whoever asks gets the same answer whether anybody here has that number or not. A code belongs to the browser that asked for
it, so nobody else can use up its tries; a browser that signed in with a number before has an allowance of its own, so nobody
else can use up that either.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from linli.base import MINUTE_US, SECOND_US, Clock
from linli.base.errors import BadRequestData, Conflict, LinliError, SignInNeeded, TooOften
from linli.store import DropRecord, PutRecord

from ._accounts import Account, Accounts, new_account_id
from ._blind import normal
from ._messages import Messages
from ._node_key import NodeSecret
from ._records import Records, put
from ._tickets import Tickets

SENT = "codes-sent"
LIFE_US = 10 * MINUTE_US
TRIES_MAX = 5
_HOUR_US = 3600 * SECOND_US
_DAY_US = 24 * _HOUR_US
#: how many codes a number may get within how long
LIMITS = ((1, MINUTE_US), (5, _HOUR_US), (10, _DAY_US))
_WRONG = "This code is wrong or too old. Ask for a new one if it does not come right."

_log = structlog.get_logger("trust")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person of the registry to whom a telephone belongs: his entity, the role he signs in with, his areas."""

    id: str
    role: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a browser asked for: the code's hash, the number's, and who can be meant; nobody, if nobody is known."""

    code: str
    way: str
    people: tuple[Somebody, ...] = ()
    tries: int = 0


@dataclass(frozen=True, slots=True)
class _Sent:
    at_us: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Right:
    """A code that was right. `writes` uses it up, and makes the account where it is new."""

    account: Account
    writes: tuple[PutRecord | DropRecord, ...]


People = Callable[[str], Awaitable[tuple[Somebody, ...]]]


class Codes:
    """Sends codes and checks them."""

    def __init__(
        self,
        records: Records,
        accounts: Accounts,
        messages: Messages,
        people: People,
        *,
        wall: Clock,
        secret: NodeSecret,
    ) -> None:
        """Send by `messages`; `people` says to whom of the registry a telephone belongs."""
        self._records = records
        self._accounts = accounts
        self._messages = messages
        self._people = people
        self._wall = wall
        self._secret = secret
        self._asked = Tickets(records, wall, "code", LIFE_US)
        self._sending: set[asyncio.Task[None]] = set()

    async def ask(self, phone: str, words: str, *, known: str = "") -> str:
        """Send a code to a telephone, if it belongs to somebody here; return what this browser must show with it.

        `words`: the message, with {code}. `known`: what the browser was given when it signed in with a number before.
        Raises: BadRequestData: not a telephone number. TooOften: this number has had its codes.
        """
        number = normal("phone", phone.strip())
        if not number.startswith("+"):
            raise BadRequestData("phone: a telephone number is needed, like 138 1234 5678.")
        way = self._accounts.way("phone", number)
        await self._count(way, own=self.is_known(way, known))
        people = await self._people(number)
        handle, code = secrets.token_urlsafe(32), f"{secrets.randbelow(1_000_000):06d}"
        await self._asked.issue(_Asked(self._hash(handle, code), way, people), secret=handle)
        if people:
            # Not awaited: how long an answer takes must not tell who is known.
            task = asyncio.create_task(self._send(number, words.format(code=code)), name="code")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return handle

    async def check(self, handle: str, code: str, person: str = "") -> Right | tuple[Somebody, ...]:
        """Check a code. When several people have the number and none is named, return them: the code stays good.

        Raises: SignInNeeded: it is wrong, too old, or was tried too often.
        """
        ticket = await self._asked.seen(handle, _Asked)
        if ticket is None or ticket.doc.tries >= TRIES_MAX:
            raise SignInNeeded(_WRONG)
        asked = ticket.doc
        if not asked.people or not secrets.compare_digest(asked.code, self._hash(handle, code)):
            await self._asked.rewrite(handle, ticket, replace(asked, tries=asked.tries + 1))
            raise SignInNeeded(_WRONG)
        meant = [one for one in asked.people if one.id == person] if person else asked.people
        if len(meant) != 1:
            return asked.people
        account, made = await self.account_of(meant[0])
        return Right(account, (ticket.used, *made))

    async def account_of(self, somebody: Somebody) -> tuple[Account, tuple[PutRecord, ...]]:
        """Return the account of a person of the registry, and the writes that make it where there is none."""
        way = self._accounts.way("person", somebody.id)
        found = await self._accounts.by_way(way)
        if found is not None:
            return found, ()
        account = Account(
            new_account_id(),
            somebody.role,
            somebody.scopes,
            person=somebody.id,
            ways=(way,),
            made_us=self._wall.now_us(),
        )
        return account, self._accounts.drafted(account, (way,))

    async def known(self, handle: str) -> str:
        """Return what a browser shows from now on to have an allowance of its own for its number."""
        ticket = await self._asked.seen(handle, _Asked)
        return self._mark(ticket.doc.way) if ticket else ""

    async def meant(self, handle: str) -> tuple[str, ...]:
        """Return the ids of those as whom a browser may sign in with the code that it asked for."""
        ticket = await self._asked.seen(handle, _Asked)
        return tuple(one.id for one in ticket.doc.people) if ticket else ()

    def is_known(self, way: str, known: str) -> bool:
        """Tell whether a browser signed in with this number before."""
        return bool(known) and secrets.compare_digest(known.encode(), self._mark(way).encode())

    async def settled(self) -> None:
        """Return when every message is out."""
        await asyncio.gather(*self._sending)

    # inside

    async def _count(self, way: str, *, own: bool) -> None:
        """Count one code for a number. Raises: TooOften."""
        now = self._wall.now_us()
        record_id = way + (":known" if own else "")
        await self._records.sweep(SENT, _Sent, lambda one: all(now - at >= _DAY_US for at in one.at_us))
        kept = await self._records.read(SENT, record_id, _Sent)
        times = tuple(at for at in (kept.doc.at_us if kept else ()) if 0 <= now - at < _DAY_US)
        for most, within_us in LIMITS:
            recent = [at for at in times if now - at < within_us]
            if len(recent) >= most:
                wait_s = (recent[-most] + within_us - now) // SECOND_US + 1
                raise TooOften("This number has had a code already. Use that one, or wait.", wait_s=wait_s)
        sent = put(SENT, record_id, _Sent((*times, now)), kept.version if kept else 0, quiet=True)
        try:
            await self._records.write(sent)
        except Conflict as error:
            raise TooOften("This number has had a code already. Use that one, or wait.", wait_s=60) from error

    async def _send(self, number: str, text: str) -> None:
        try:
            await self._messages.send(number, text)
        except LinliError as error:
            _log.warning("trust.code.unsent", why=error.message, **error.facts)

    def _hash(self, handle: str, code: str) -> str:
        return self._secret.blind(f"code:{handle}:{code.strip()}")

    def _mark(self, way: str) -> str:
        return self._secret.blind(f"known:{way}")
