"""A naive broker to judge the real one by: a list of documents, every one looked at for every question.

It shares with the real one the pure rules of writing, the evaluator, trust and the rendering, and nothing else: no
store, no narrowing, no index, no cache, no timers and no pages. What it answers is what should be answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linli.base import Clock, from_wire_time, write_json
from linli.base.errors import AlreadyExists, LinliError, ResourceNotFound
from linli.broker import Order, Projection, Query, Terms
from linli.broker._evaluate import Judged, wanted
from linli.broker._plain import VALUE_MEMBER, Doc, alive, expiry_us
from linli.broker._render import rendered
from linli.broker._sight import Sight
from linli.broker._writing import Outcome, stripped
from linli.trust import Act, Policies
from linli.vocab import vocabulary

Rule = Callable[[Doc], Outcome]
#: (when, dataset, value) of one instance that was written
Trace = tuple[int, str, Any]


@dataclass
class Held:
    """One entity. `traces`: what was written of each attribute."""

    doc: Doc
    created_us: int
    modified_us: int
    traces: dict[str, list[Trace]] = field(default_factory=dict)


class Judge:
    """Everything that should stand, by tenant and id, in the order of creation."""

    def __init__(self, terms: Terms, home: str, clock: Clock) -> None:
        self._sight, self._allow = Sight(vocabulary()), Policies(clock)
        self._terms, self._home = terms, home
        self._tenants: dict[str, dict[str, Held]] = {}
        #: ids whose past holds more than was written here, or less, since something expired
        self.blurred: set[tuple[str, str]] = set()

    # writing

    def create(self, tenant: str, made: Outcome, now_us: int) -> None:
        there = self._held(tenant).get(made.doc["id"])
        if there is not None and alive(there.doc, now_us) is not None:
            raise AlreadyExists
        if there is not None:
            self.reap(tenant, made.doc["id"], now_us)
        self._write(tenant, made, now_us)

    def change(self, tenant: str, entity_id: str, rule: Rule, now_us: int, *, always: bool = False) -> None:
        """Apply a rule to what stands; it counts as written when something changed, or `always`."""
        held = self._met(tenant, entity_id, now_us)
        outcome = rule(held.doc)
        self._own(outcome.doc)
        if always or outcome.changed or outcome.doc != held.doc:
            self._write(tenant, outcome, now_us)

    def batch(self, tenant: str, parts: Sequence[tuple[str, Callable[[Doc | None], Outcome]]], now_us: int) -> Any:
        """Write many; return (created, changed, errors) as a batch tells them."""
        made: list[str] = []
        changed: list[str] = []
        errors: list[tuple[str, str]] = []
        written: dict[str, None] = {}
        before: dict[str, dict[str, Any]] = {}
        for entity_id, rule in parts:
            held = self._held(tenant).get(entity_id)
            if held is not None and entity_id not in written:
                self.reap(tenant, entity_id, now_us)
                held = self._held(tenant).get(entity_id)
            try:
                outcome = rule(held.doc if held else None)
            except LinliError as error:
                errors.append((entity_id, type(error).__name__))
                continue
            if entity_id not in written:
                (changed if held else made).append(entity_id)
                before[entity_id] = held.doc["attrs"] if held else {}
            written[entity_id] = None
            self._write(tenant, outcome, now_us, tell=False)
        for entity_id in written:
            self._tell(self._held(tenant)[entity_id], before[entity_id], now_us)
        return made, changed, errors

    def delete(self, tenant: str, entity_id: str, now_us: int) -> None:
        self._met(tenant, entity_id, now_us)
        del self._held(tenant)[entity_id]
        self.blurred.discard((tenant, entity_id))

    def purge(self, act: Act, query: Query, drop: frozenset[str], now_us: int) -> list[str]:
        gone: list[str] = []
        stripped_ids: list[str] = []
        for judged, _ in list(self._hits(act, query, now_us)):
            entity_id = judged.doc["id"]
            held = self._met(act.tenant, entity_id, now_us)
            if not wanted(query, held.doc, held.created_us, held.modified_us):
                continue
            if not drop:
                self.delete(act.tenant, entity_id, now_us)
                gone.append(entity_id)
            elif not drop.isdisjoint(held.doc["attrs"]):
                self.change(act.tenant, entity_id, lambda doc: stripped(doc, drop), now_us)
                stripped_ids.append(entity_id)
        return gone + stripped_ids

    def reap(self, tenant: str, entity_id: str, now_us: int) -> None:
        """Take away what has expired of an entity."""
        held = self._held(tenant)[entity_id]
        kept = alive(held.doc, now_us)
        if kept is held.doc:
            return
        self.blurred.add((tenant, entity_id))
        if kept is None:
            del self._held(tenant)[entity_id]
        else:
            held.doc, held.modified_us = kept, now_us

    def reap_all(self, now_us: int) -> None:
        for tenant, entities in self._tenants.items():
            for entity_id in list(entities):
                self.reap(tenant, entity_id, now_us)

    # reading

    def body(self, act: Act, entity_id: str, query: Query, projection: Projection, now_us: int) -> bytes:
        for judged, shown in self._visible(act, now_us, "read"):
            if judged.doc["id"] == entity_id and wanted(query, *judged):
                return write_json(rendered(shown, *judged[1:], self._terms, projection))
        raise ResourceNotFound

    def page(
        self,
        act: Act,
        query: Query,
        *,
        projection: Projection,
        now_us: int,
        limit: int,
        offset: int,
        order: Order | None,
        among: Sequence[str] | None = None,
    ) -> tuple[list[bytes], bool, int]:
        """Return the entities of a page, whether there are more, and how many there are in all."""
        hits = [(judged, shown) for judged, shown in self._hits(act, query, now_us) if projection.fits(shown)]
        if among is not None:
            by_id = {judged.doc["id"]: (judged, shown) for judged, shown in hits}
            hits = [by_id[entity_id] for entity_id in among if entity_id in by_id]
            rows = list(self._held(act.tenant))
            hits = hits if order is None else sorted(hits, key=lambda hit: rows.index(hit[0].doc["id"]))
        if order is not None:
            hits = sorted(hits, key=lambda hit: order.key(hit[0]))
        some = hits[offset : offset + limit]
        bodies = [write_json(rendered(shown, *judged[1:], self._terms, projection)) for judged, shown in some]
        return bodies, len(hits) > offset + limit, len(hits)

    def counts(self, act: Act, now_us: int) -> dict[str, int]:
        """Return how many entities of each type there are for `act`."""
        counts: dict[str, int] = {}
        for _, shown in self._visible(act, now_us, "list"):
            for name in shown["type"]:
                counts[self._terms.term(name)] = counts.get(self._terms.term(name), 0) + 1
        return counts

    def traces(self, tenant: str, entity_id: str, since_us: int | None, until_us: int | None) -> dict[str, list[Trace]]:
        """Return what was written in an interval, and is not said to be gone, by attribute as it is said."""
        low, high = since_us or 0, until_us or 1 << 62
        return {
            self._terms.term(name): inside
            for name, traces in self._held(tenant)[entity_id].traces.items()
            if (inside := [one for one in traces if low <= one[0] < high])
        }

    def is_clear(self, tenant: str, entity_id: str) -> bool:
        """Whether the whole evolution of an entity is known here."""
        held = self._held(tenant).get(entity_id)
        return held is not None and (tenant, entity_id) not in self.blurred and expiry_us(held.doc) is None

    # inside

    def _held(self, tenant: str) -> dict[str, Held]:
        return self._tenants.setdefault(tenant, {})

    def _met(self, tenant: str, entity_id: str, now_us: int) -> Held:
        held = self._held(tenant).get(entity_id)
        if held is None or alive(held.doc, now_us) is None:
            raise ResourceNotFound
        self.reap(tenant, entity_id, now_us)
        return held

    def _own(self, doc: Doc) -> None:
        """Give an entity of ours that has no scope that of the node."""
        if self._sight.names.type_of(doc["type"]) is not None and not doc["scope"]:
            doc["scope"] = [self._home]

    def _write(self, tenant: str, outcome: Outcome, now_us: int, *, tell: bool = True) -> None:
        doc = outcome.doc
        self._own(doc)
        held = self._held(tenant).get(doc["id"])
        before = held.doc["attrs"] if held else {}
        if held is None:
            held = self._held(tenant)[doc["id"]] = Held(doc, now_us, now_us)
        held.doc, held.modified_us = doc, now_us
        if tell:
            self._tell(held, before, now_us)

    def _tell(self, held: Held, before: Mapping[str, Any], now_us: int) -> None:
        """Note every instance that was written at this moment, by its stamps."""
        for name, instances in held.doc["attrs"].items():
            there = {one.get("datasetId"): one for one in before.get(name, ())}
            for one in instances:
                stamped_us = one.get("modifiedAt", one.get("createdAt", held.created_us))
                if stamped_us == now_us and one is not there.get(one.get("datasetId")):
                    value = one[VALUE_MEMBER[one["type"]]]
                    held.traces.setdefault(name, []).append((now_us, one.get("datasetId", ""), value))

    def _visible(self, act: Act, now_us: int, verb: str) -> Iterator[tuple[Judged, Doc]]:
        """Yield what `act` may judge and see of every entity."""
        for held in self._held(act.tenant).values():
            doc = alive(held.doc, now_us)
            if doc is None:
                continue
            decision = self._allow.allows(act, verb, self._sight.thing(doc))  # type: ignore[arg-type]
            if decision.ok:
                seen = self._sight.seen(doc, decision, act, "apply")
                yield Judged(seen.judged, held.created_us, held.modified_us), seen.shown

    def _hits(self, act: Act, query: Query, now_us: int) -> Iterator[tuple[Judged, Doc]]:
        linked = {judged.doc["id"]: judged for judged, _ in self._visible(act, now_us, "read")} if query.hops else {}
        for judged, shown in self._visible(act, now_us, "list"):
            if wanted(query, *judged, linked):
                yield judged, shown


def traces_of(evolution: Mapping[str, Any], names: Iterable[str]) -> dict[str, list[Trace]]:
    """Return the same out of an evolution as the wire has it, normalized with system attributes."""
    return {
        name: [
            (from_wire_time(one["modifiedAt"]), one.get("datasetId", ""), one[VALUE_MEMBER[one["type"]]])
            for one in (evolution[name] if isinstance(evolution[name], list) else [evolution[name]])
        ]
        for name in names
        if name in evolution
    }
