"""Denials: who asked for personal data, or tried to change them, and was refused."""

from __future__ import annotations

from functools import partial

from linli.base import Clock
from linli.store import Change, Store
from linli.trust import Act, Refusals, Thing, Verb, audit_row
from linli.vocab import Vocab

#: so many kinds of denial (who, what, of which type) are told apart within a minute
KINDS_MAX = 300


class Denials:
    """Has denials written into the audit, those of a minute that are alike together."""

    def __init__(self, store: Store, vocab: Vocab, clock: Clock) -> None:
        """Write to this store about types that hold personal data."""
        self._store = store
        self._clock = clock
        self._personal = frozenset(
            one.name for one in vocab.types.values() if any(attr.pii != "none" for attr in one.attributes.values())
        )
        self._refusals = Refusals(self._write, clock, KINDS_MAX)

    def note(self, act: Act, verb: Verb, thing: Thing, policy: str) -> None:
        """Take in that something was refused, by a rule of trust ("" where a room above refused it); what engines ask
        for themselves is not."""
        if thing.type not in self._personal or act.who.role == "engine":
            return
        scope = next(iter(thing.scopes), "")
        row = partial(audit_row, act=act, action=verb, type=thing.type, scope=scope, policy=policy, ok=False)
        kind = (act.who.id, act.for_whom, act.purpose, verb, thing.type, scope, policy)
        self._refusals.note(act.tenant, kind, row, thing.owners)

    async def settled(self) -> None:
        """Return when all that was taken in is written."""
        await self._refusals.settled()

    async def _write(self, tenant: str, rows: tuple[bytes, ...]) -> None:
        await self._store.commit(Change(tenant, "engine:audit", "audit", self._clock.now_us(), audit=rows))
