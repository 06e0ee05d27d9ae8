"""Who is signed in. The token is known to the browser alone; what it opens stands in the store and ends when told to."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from linli.base import MINUTE_US, SECOND_US, Clock
from linli.base.errors import Conflict, ResourceNotFound
from linli.store import DropRecord, PutRecord

from ._asked import Act, Principal
from ._audit import audit_row
from ._records import Kept, Records, digest, put

KIND, OF_ACCOUNT = "login", "logins"
HELD_MAX = 50_000
OF_ACCOUNT_MAX = 20
#: after so long what is held in memory is read again: another process may have ended it
RECHECK_US = SECOND_US
#: how exactly it is kept when somebody was last here
SEEN_US = 10 * MINUTE_US
_HOUR_US = 60 * MINUTE_US
_DAY_US = 24 * _HOUR_US


@dataclass(frozen=True, slots=True)
class Term:
    """How long a sign-in holds: in all, and unused (0 = no such end)."""

    whole_us: int
    unused_us: int = 0


#: who works for the city; who is at home with his own phone; a device of the household; an app; a tablet at a gate
AT_WORK = Term(12 * _HOUR_US, 4 * _HOUR_US)
AT_HOME = Term(90 * _DAY_US, 30 * _DAY_US)
IN_HOUSEHOLD = Term(365 * _DAY_US)
IN_APP = Term(90 * _DAY_US, 14 * _DAY_US)
AT_GATE = Term(365 * _DAY_US, 30 * _DAY_US)


@dataclass(frozen=True, slots=True)
class Login:
    """One sign-in of one browser or device, under the hash of its token.

    `who`: as whom it acts; of an account or an app that is read from there each time. `how`: passkey, provider, code, card,
    app, gate, demo. `on`: a few words for the browser. `until_us`: on the wall clock. `client`: the app that acts so, or card:NUMBER.
    `for_whom`: the person for whom he wants to act now; whether he may is asked each time.
    """

    id: str
    who: Principal
    how: str
    since_us: int
    until_us: int
    unused_us: int = 0
    seen_us: int = 0
    account: str = ""
    strong: bool = False
    on: str = ""
    client: str = ""
    for_whom: str = ""

    @property
    def ends_us(self) -> int:
        """When it is over, unless it is used before."""
        return min(self.until_us, self.seen_us + self.unused_us) if self.unused_us else self.until_us

    def stands(self, now_us: int) -> bool:
        """Tell whether it still holds."""
        return now_us < self.ends_us


@dataclass(frozen=True, slots=True)
class OfAccount:
    """The open sign-ins of an account, so that they can be listed and ended together."""

    logins: tuple[str, ...] = ()


@dataclass(slots=True)
class _Held:
    login: Login
    version: int
    read_us: int
    over: bool = False
    ends_us: int = field(init=False)

    def __post_init__(self) -> None:
        """Note the end, for which every request asks."""
        self.ends_us = self.login.ends_us


class Logins:
    """The open sign-ins of this node.

    `held` answers from memory, at once; `refresh` reads what memory does not hold or held for a second. So a sign-in
    outlives a restart, one that was ended here is over at once, and one that another process ended, within a second.
    """

    def __init__(self, records: Records, wall: Clock, whom: Callable[[Login], Awaitable[Principal | None]]) -> None:
        """Use the wall clock: sign-ins do not run fast when the city does. `whom`: as whom one acts now; None = no more."""
        self._records = records
        self._whom = whom
        self._wall = wall
        self._held: OrderedDict[str, _Held] = OrderedDict()

    async def open(
        self,
        who: Principal,
        how: str,
        term: Term,
        *,
        account: str = "",
        strong: bool = False,
        on: str = "",
        client: str = "",
        more: Sequence[PutRecord | DropRecord] = (),
    ) -> str:
        """Sign somebody in and return the token. `more` is committed with it: what was used up for it.

        Raises: what the store says of `more`: then nobody is signed in.
        """
        now, token = self._wall.now_us(), secrets.token_urlsafe(32)
        login = Login(
            digest(token), who, how, now, now + term.whole_us, term.unused_us, now, account, strong, on, client
        )
        row = audit_row(at_us=now, act=Act(who, strong=strong), action="sign-in", resource=who.id, reason=how)
        writes = (_put(login, 0), *await self._listed(login), *more)
        await self._records.write(*writes, audit=(row,), actor=who.id)
        self._hold(_Held(login, 1, now))
        await self._records.sweep(KIND, Login, lambda one: not one.stands(now))
        return token

    def held(self, login_id: str) -> Login | None:
        """Return an open sign-in that is in memory."""
        held = self._held.get(login_id)
        if held is None or held.over:
            return None
        if self._wall.now_us() >= held.ends_us:
            held.over = True  # it stays over, also when somebody sets the clock back
            return None
        return held.login

    def is_fresh(self, login_id: str) -> bool:
        """Tell whether memory may be trusted about this sign-in."""
        held = self._held.get(login_id)
        return held is not None and (held.over or 0 <= self._wall.now_us() - held.read_us < RECHECK_US)

    async def refresh(self, login_id: str) -> Login | None:
        """Read a sign-in, and as whom its account acts now; return it if it is open."""
        now = self._wall.now_us()
        kept = await self._records.read(KIND, login_id, Login)
        if kept is None:
            self._end(login_id)
            return None
        known = self._held.get(login_id)
        login = None if known is not None and known.over else await self._as_whom(kept.doc, known)
        if login is None or not login.stands(now):
            await self.close(login_id)
            return None
        if known is not None and known.login == login:
            known.version, known.read_us = kept.version, now
            self._held.move_to_end(login_id)
        else:
            self._hold(_Held(login, kept.version, now))
        if now - login.seen_us >= SEEN_US:
            await self._see(Kept(login, kept.version), now)
        return self.held(login_id)

    async def close(self, login_id: str, by: Act | None = None) -> None:
        """End a sign-in at once."""
        held = self._end(login_id)
        kept = await self._records.read(KIND, login_id, Login)
        if kept is None:
            return
        who = by or Act((held or kept.doc).who)
        row = audit_row(
            at_us=self._wall.now_us(), act=who, action="sign-out", resource=kept.doc.who.id, reason=kept.doc.how
        )
        try:
            await self._records.write(DropRecord(KIND, login_id, quiet=True), audit=(row,), actor=who.who.id)
        except ResourceNotFound:
            return  # somebody else ended it at the same moment

    async def close_all(self, account: str, *, but: str = "", by: Act | None = None) -> int:
        """End all sign-ins of an account, but one; return how many they were."""
        ended = [one for one in await self.of(account) if one.id != but]
        for login in ended:
            await self.close(login.id, by)
        return len(ended)

    async def of(self, account: str) -> list[Login]:
        """Return the open sign-ins of an account, the newest first."""
        listed = await self._records.read(OF_ACCOUNT, account, OfAccount)
        now = self._wall.now_us()
        found = []
        for login_id in reversed(listed.doc.logins if listed else ()):
            kept = await self._records.read(KIND, login_id, Login)
            held = self._held.get(login_id)
            if kept is not None and kept.doc.stands(now) and not (held and held.over):
                found.append(kept.doc)
        return found

    async def all(self) -> AsyncIterator[Login]:
        """Yield every sign-in that is kept, the oldest first."""
        after = 0
        while page := await self._records.page(KIND, Login, after=after):
            after = page[-1][0]
            for _, _, login in page:
                yield login

    async def act_for(self, login: Login, person: str) -> None:
        """Let a sign-in act for another person from now on, or for himself again ("")."""
        kept = await self._records.read(KIND, login.id, Login)
        if kept is None:
            raise ResourceNotFound("This sign-in is over.")
        changed = replace(kept.doc, for_whom=person)
        await self._records.write(_put(changed, kept.version), actor=login.who.id)
        await self.refresh(login.id)

    # inside

    def _hold(self, held: _Held) -> None:
        self._held[held.login.id] = held
        self._held.move_to_end(held.login.id)
        if len(self._held) > HELD_MAX:
            self._held.popitem(last=False)

    def _end(self, login_id: str) -> Login | None:
        held = self._held.get(login_id)
        if held is None:
            return None
        held.over = True
        return held.login

    async def _as_whom(self, login: Login, known: _Held | None) -> Login | None:
        """Return a sign-in as its account stands now; None when that is blocked or gone."""
        who = await self._whom(login)
        if who is None:
            return None
        if known is not None and who == login.who:
            who = known.login.who  # with the name, which is not kept
        return replace(login, who=who)

    async def _see(self, kept: Kept[Login], now: int) -> None:
        seen = replace(kept.doc, seen_us=now)
        try:
            await self._records.write(_put(seen, kept.version))
        except (Conflict, ResourceNotFound):
            return  # another request of the same browser was faster
        self._hold(_Held(seen, kept.version + 1, now))

    async def _listed(self, login: Login) -> list[PutRecord | DropRecord]:
        """Return the writes that list a new sign-in under its account; the oldest gives way when there are too many."""
        if not login.account:
            return []
        kept = await self._records.read(OF_ACCOUNT, login.account, OfAccount)
        standing = [one.id for one in reversed(await self.of(login.account))]
        kept_ids = standing[-(OF_ACCOUNT_MAX - 1) :]
        for login_id in set(standing) - set(kept_ids):
            await self.close(login_id)
        listed = OfAccount((*kept_ids, login.id))
        return [put(OF_ACCOUNT, login.account, listed, kept.version if kept else 0, quiet=True)]


def _put(login: Login, version: int) -> PutRecord:
    """Return the write of a sign-in: without the name, which its account or its entity knows."""
    return put(KIND, login.id, replace(login, who=replace(login.who, name="")), version, quiet=True)
