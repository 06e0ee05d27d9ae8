"""What is written down about reading: who was shown what of whom, on disk before the answer leaves.

One row an answer says who looked, for what purpose and by which rule, and leaves a trace of each person of whom anything
stands in it in clear; what is only shown masked is not looked at. Nobody is written down for what he sees of himself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from linli.base import MINUTE_US
from linli.base.errors import ResourceNotFound
from linli.trust import Act, AuditEntry, audit_row, prove, read_row, trace_of

from ._ground import Ground

#: these look at nothing for themselves: what engines read they show to nobody
UNSEEN = frozenset({"engine"})
#: the scope above all
ROOT = "/"

_NO_LOOKS = frozenset({"sign-in", "sign-out"})


@dataclass(slots=True)
class Looks:
    """What of persons one answer shows in clear, while it is put together."""

    act: Act
    persons: dict[str, None] = field(default_factory=dict)
    entities: list[str] = field(default_factory=list)
    types: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    policies: set[str] = field(default_factory=set)
    scopes: set[str] = field(default_factory=set)

    def add(
        self,
        entity_id: str,
        types: Iterable[str],
        scopes: Iterable[str],
        *,
        persons: Iterable[str],
        classes: Iterable[str],
        policy: str,
    ) -> None:
        """Take in an entity of which attributes of these classes are shown; `persons`: whose data it holds."""
        whose = [one for one in persons if one] or [entity_id]
        me = self.act.who.id
        if self.act.who.role in UNSEEN or me == entity_id or all(one == me for one in whose):
            return
        self.persons |= dict.fromkeys(whose)
        self.entities.append(entity_id)
        self.types.update(types)
        self.scopes.update(scopes)
        self.classes.update(classes)
        self.policies.add(policy)

    def row(self, action: str, at_us: int) -> bytes:
        """Return the row of the audit that says so."""
        return audit_row(
            at_us=at_us,
            act=self.act,
            action=action,
            resource=self.persons,
            entity=self.entities[0] if len(self.entities) == 1 else "",
            type=",".join(sorted(self.types)),
            scope=_above(self.scopes),
            policy=" ".join(sorted(self.policies)),
            classes=self.classes,
        )


@dataclass(frozen=True, slots=True)
class Look:
    """A row of the audit as the person sees whom it is about. `own`: it was he himself; `others`: of how many others the
    same answer told; `types`: of what it was; `allowed`: False = it was asked for and denied."""

    seq: int
    at_us: int
    action: str
    role: str
    own: bool
    purpose: str
    types: tuple[str, ...]
    classes: tuple[str, ...]
    allowed: bool
    others: int


class AuditingDoor(Ground):
    """Writes rows of the audit about reading, and shows them to whom they are about."""

    async def witnessed(self, act: Act, *rows: bytes) -> None:
        """Commit rows of the audit alone; return when they are durable. Many who read at once share one sync.

        Raises: Busy, StoreFailed: then what should have been witnessed must not be answered.
        """
        if rows:
            await self._commit(self._change(act, audit=rows))

    async def who_looked(self, act: Act, *, before: int | None = None, limit: int = 50) -> list[Look]:
        """Return who looked at the data of the asker, or of the person for whom he acts; newest first.

        Signing in and out is not looking: of that the account tells.
        """
        trace = trace_of(act.for_whom or act.who.id)
        found: list[Look] = []
        while len(found) < limit and (
            rows := await self._store.audit_of(act.tenant, trace, before=before, limit=limit)
        ):
            before = rows[-1].seq
            entries = [(one.seq, read_row(one.row)) for one in rows]
            found += [_look(act, seq, one) for seq, one in entries if one is not None and one.action not in _NO_LOOKS]
        return found[:limit]

    async def proof_of_look(self, act: Act, seq: int) -> bytes:
        """Return the proof that such a row is part of the audit.

        Raises: ResourceNotFound: it is not about the asker, or no checkpoint covers it yet.
        """
        trace = trace_of(act.for_whom or act.who.id)
        rows = await self._store.audit_of(act.tenant, trace, before=seq + 1, limit=1)
        if not rows or rows[0].seq != seq:
            raise ResourceNotFound("There is no such row about you.")
        return await prove(self._store, act.tenant, seq)

    async def shown(self, looks: Looks, action: str, lately: dict[str, int] | None = None) -> None:
        """Write down an answer before it leaves, if it shows anything of anybody.

        `lately`: of whom one stream has told, and when; each person is written down when it begins to tell of him, and
        then once a minute.
        Raises: Busy, StoreFailed: then nothing may leave.
        """
        if not looks.entities:
            return
        now_us = self._clock.now_us()
        if lately is not None:
            for person in [one for one, at_us in lately.items() if at_us + MINUTE_US <= now_us]:
                del lately[person]
            if looks.persons.keys() <= lately.keys():
                return
        await self.witnessed(looks.act, looks.row(action, now_us))
        if lately is not None:
            lately |= {**dict.fromkeys(looks.persons, now_us), **lately}


def _look(act: Act, seq: int, entry: AuditEntry) -> Look:
    """Return a row as the person sees whom it is about."""
    return Look(
        seq,
        entry.at_us,
        entry.action,
        entry.role,
        entry.actor == act.who.id,
        entry.purpose,
        tuple(filter(None, entry.type.split(","))),
        entry.classes,
        entry.ok,
        max(0, len(entry.of) - 1),
    )


def _above(scopes: Iterable[str]) -> str:
    """Return the deepest scope that holds all of some."""
    parts = [one.split("/") for one in scopes]
    common: list[str] = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        common.append(level[0])
    return "/".join(common) or (ROOT if parts else "")
