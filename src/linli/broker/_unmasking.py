"""Shows in clear, for a reason, what is otherwise shown masked: one entity, the attributes that are named, once.

It is an act of its own, which a policy must permit (verb `unmask`). The row of the audit is on disk before anything is
shown, and the person whom it is about finds it under "who looked".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from linli.base.errors import NotAllowed, PurposeMissing, ResourceNotFound
from linli.trust import Act, audit_row

from ._auditing import AuditingDoor
from ._plain import Doc, plain_of


@dataclass(frozen=True, slots=True)
class Unmasked:
    """What is shown: the values by short name, of those that were asked for and stand there."""

    entity_id: str
    type: str
    values: dict[str, Any]


class UnmaskingDoor(AuditingDoor):
    """Shows one thing in clear."""

    async def unmask(self, act: Act, entity_id: str, names: Sequence[str]) -> Unmasked:
        """Return personal attributes of an entity in clear; `act` says for what purpose and for what reason.

        Raises: PurposeMissing. ResourceNotFound: it is not there, or `act` may not know of it. NotAllowed: he may not
        see it in clear, has said no reason, or an attribute is not open for this purpose.
        """
        if act.purpose is None:
            raise PurposeMissing("What is shown masked is personal: say a purpose.")
        self._sight.check_purpose(act)
        stored = await self._store.get(act.tenant, entity_id)
        doc = None if stored is None else self._doc(stored)
        if stored is None or doc is None:
            raise ResourceNotFound
        if not self._may_know(act, doc):
            self._refused(act, "unmask", doc)
            raise ResourceNotFound
        thing = self._sight.thing(doc)
        decision = self._allow.allows(act, "unmask", thing)
        if not decision.ok:
            self._denials.note(act, "unmask", thing, decision.policy)
            raise NotAllowed("This may not be seen in clear here, or no reason was said.")
        seen, asked = self._sight.seen(doc, decision, act, "apply"), frozenset(map(self._names.inner, names))
        self._sight.check_asked(act, seen, asked, frozenset())
        opened = {name: pii for name, pii in seen.opened.items() if name in asked}
        if opened:
            row = audit_row(
                at_us=self._clock.now_us(),
                act=act,
                action="unmask",
                resource=self._whose(doc, entity_id),
                entity=entity_id,
                type=thing.type,
                scope=next(iter(thing.scopes), ""),
                policy=decision.policy,
                classes=opened.values(),
            )
            await self.witnessed(act, row)
        attrs = {name: seen.shown["attrs"][name] for name in opened}
        plain = plain_of({**seen.shown, "attrs": attrs}, stored, self._names)
        return Unmasked(entity_id, plain.type, plain.values)

    def _whose(self, doc: Doc, entity_id: str) -> tuple[str, ...]:
        """Return the ids of those whose data these are: of what names nobody else, its own."""
        entity_type = self._names.type_of(doc["type"])
        persons = () if entity_type is None else self.persons.subjects(entity_type, doc)
        return tuple(filter(None, persons)) or (entity_id,)
