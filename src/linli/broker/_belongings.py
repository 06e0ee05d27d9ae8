"""What is kept of a person: every entity that names him or his telephone, and its whole past."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from linli.base.errors import ResourceNotFound
from linli.store import Find, Stored
from linli.trust import Act, Principal, Thing, audit_row, normal
from linli.vocab import EntityType

from ._facts import SCOPE
from ._person import is_person_link
from ._plain import Doc, decoded
from ._projection import Projection
from ._render import rendered
from ._temporal import LATEST_US, TimeReadingDoor
from ._temporal_query import read_span
from ._temporal_render import Evolution, written

#: what becomes of an entity when a person is erased: it goes, it only forgets him, or he only leaves it
Fate = Literal["goes", "forgets", "leaves"]

#: how his telephone may stand in entities that do not name him
PHONES = ("reporterPhone", "holderPhone", "callback")
READER = Principal("engine:person", "engine", ("/",))


@dataclass(frozen=True, slots=True)
class Belonging:
    """One entity that is about a person, and what becomes of it when he is erased."""

    stored: Stored
    doc: Doc
    entity_type: EntityType
    fate: Fate


class BelongingsDoor(TimeReadingDoor):
    """Finds what is kept of a person."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground."""
        super().__init__(*args, **kwargs)
        self._person_links = sorted(
            {
                one.name
                for entity in self._vocab.types.values()
                for one in entity.attributes.values()
                if is_person_link(one)
            }
        )

    async def belongings(self, tenant: str, person: str) -> AsyncIterator[Belonging]:
        """Yield every entity that is about a person, he himself last. An id is all that must be known of him."""
        himself = await self._store.get(tenant, person)
        finds = [Find(keys=((name, (person,)),)) for name in self._person_links]
        phone = None if himself is None else self._telephone(decoded(himself))
        if phone is not None:
            finds += [Find(keys=((name, (phone,)),)) for name in PHONES]
        met = {person}
        for find in finds:
            by_phone = find.keys[0][0] in PHONES
            async for stored in self._candidates(tenant, find):
                if stored.entity_id in met:
                    continue
                doc = decoded(stored)
                entity_type = self._names.type_of(doc["type"])
                if entity_type is None or not self._names_him(entity_type, doc, person, phone if by_phone else None):
                    continue
                met.add(stored.entity_id)
                yield Belonging(stored, doc, entity_type, self._fate(entity_type, doc, person))
        if himself is not None:
            doc = decoded(himself)
            entity_type = self._names.type_of(doc["type"])
            if entity_type is not None and entity_type.name == "Resident":
                yield Belonging(himself, doc, entity_type, "goes")

    async def export(self, act: Act, person: str) -> dict[str, Any]:
        """Return all that is kept of a person, as JSON-LD: every entity as it stands, and its whole past.

        Raises: NotAllowed. ResourceNotFound: nothing is kept of anybody with this id.
        """
        self._allowed(act, "export", await self.person_thing(act.tenant, person))
        terms, projection = self.contexts.default, Projection(sys_attrs=True)
        entities: list[dict[str, Any]] = []
        history: list[dict[str, Any]] = []
        async for one in self.belongings(act.tenant, person):
            stored = one.stored
            entities.append(rendered(one.doc, stored.created_us, stored.modified_us, terms, projection))
            history.append(await self._whole_past(act.tenant, stored.entity_id))
        if not entities:
            raise ResourceNotFound
        row = self._person_row(act, "export", person)
        await self._commit(self._change(act, audit=(row,)))
        return {"@context": terms.source, "entities": entities, "history": history}

    async def person_thing(self, tenant: str, person: str) -> Thing:
        """Return a person as trust is asked about him, whether or not an entity of him is left."""
        stored = await self._store.get(tenant, person)
        return Thing("Resident", () if stored is None else stored.scopes, (person,))

    def _person_row(self, act: Act, action: str, person: str) -> bytes:
        return audit_row(at_us=self._clock.now_us(), act=act, action=action, resource=person, type="Resident")

    async def _whole_past(self, tenant: str, entity_id: str) -> dict[str, Any]:
        """Return the past of an entity, however long it is and whatever it was for."""
        span, projection = read_span({}), Projection(sys_attrs=True)
        subject = await self._history.subject(tenant, entity_id)
        assert subject is not None  # noqa: S101 - it stands
        names = [name for name in await self._history.names(tenant, subject) if name != SCOPE]
        act, every = Act(READER, None, tenant), [(-LATEST_US, LATEST_US)]
        told = await self._shown_of(act, subject, names, span, projection, stretches=every)
        assert isinstance(told, Evolution)  # noqa: S101 - nothing was asked to be summed up
        return written(told, self.contexts.default, span, projection)

    def _names_him(self, entity_type: EntityType, doc: Doc, person: str, phone: str | None) -> bool:
        """Tell whether an entity is about a person; by his telephone only what names nobody else."""
        linked = {target for name in self._person_links for target in self._targets(entity_type, doc, name)}
        if person in linked:
            return True
        if phone is None or linked:
            return False
        said = (one.get("value") for name in PHONES for one in doc["attrs"].get(self._names.inner(name), ()))
        return any(normal("phone", one) == normal("phone", phone) for one in said if isinstance(one, str))

    def _fate(self, entity_type: EntityType, doc: Doc, person: str) -> Fate:
        members = self._targets(entity_type, doc, "members")
        if person in members and len(members) > 1:
            return "leaves"
        return "forgets" if entity_type.pii == "none" else "goes"

    def _targets(self, entity_type: EntityType, doc: Doc, short: str) -> list[str]:
        if short not in entity_type.attributes:
            return []
        targets: list[str] = []
        for instance in doc["attrs"].get(self._names.inner(short), ()):
            target = instance.get("object")
            targets += target if isinstance(target, list) else [target] if target else []
        return targets

    def _telephone(self, doc: Doc) -> str | None:
        instances = doc["attrs"].get(self._names.inner("telephone"))
        value = instances[0].get("value") if instances else None
        return value if isinstance(value, str) and value else None
