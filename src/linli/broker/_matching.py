"""Which subscriptions a write concerns: an index that passes over almost all of them, then the triggers, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from linli.store import LogRow

from ._plain import Doc, Instance
from ._query import And, Node, Or, Query, TypeIs
from ._subscription import Subscription

_NOTHING: dict[str, list[Instance]] = {}


@dataclass
class Event:
    """One write to one entity: its row of the log, and the entity before (None: created) and after (None: deleted)."""

    row: LogRow
    before: Doc | None
    after: Doc | None
    created_us: int
    modified_before_us: int
    touched: frozenset[str]

    @property
    def doc(self) -> Doc:
        """The entity as it is judged: as the write left it, or as it stood before it was deleted."""
        doc = self.before if self.after is None else self.after
        assert doc is not None  # noqa: S101 - there is no write from nothing to nothing
        return doc

    @property
    def modified_us(self) -> int:
        """When that entity was changed last."""
        return self.modified_before_us if self.after is None else self.row.at_us

    @cached_property
    def changes(self) -> Changes:
        """What became of the attributes."""
        before = self.before["attrs"] if self.before else _NOTHING
        after = self.after["attrs"] if self.after else _NOTHING
        names = self.touched if self.before and self.after else {*before, *after}
        changes = Changes()
        for name in names:
            changes.compare(name, before.get(name, []), after.get(name, []))
        return changes


@dataclass
class Changes:
    """Names of attributes of which an instance was created, updated or deleted; an attribute can be in each."""

    created: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)

    def compare(self, name: str, before: list[Instance], after: list[Instance]) -> None:
        """Note what became of the instances of one attribute; one that was written carries new stamps."""
        there = {one.get("datasetId"): one for one in before}
        for instance in after:
            old = there.pop(instance.get("datasetId"), None)
            if old is None:
                self.created.add(name)
            elif old != instance:
                self.updated.add(name)
        if there:
            self.deleted.add(name)


def fires(subscription: Subscription, event: Event) -> bool:
    """Tell whether a trigger of the subscription is pulled. Only the triggers are judged here, not its filters."""
    triggers, watched, changes = subscription.triggers, subscription.watched, event.changes
    by_attribute = (
        ("attributeCreated", changes.created),
        ("attributeUpdated", changes.updated),
        ("attributeDeleted", changes.deleted),
    )
    if any(name in triggers and names and _touches(watched, names) for name, names in by_attribute):
        return True
    entity = {"create": "entityCreated", "update": "entityUpdated", "delete": "entityDeleted"}.get(event.row.kind)
    if entity not in triggers:
        return False
    return not watched or _touches(watched, changes.created | changes.updated | changes.deleted)


def _touches(watched: frozenset[str], names: set[str]) -> bool:
    return not watched or not watched.isdisjoint(names)


class Index:
    """Finds the subscriptions that a row of the log may concern: by id, by type and watched attribute, by type."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._by_key: dict[tuple[str, ...], dict[str, Subscription]] = {}
        self._keys: dict[str, list[tuple[str, ...]]] = {}

    def put(self, subscription: Subscription) -> None:
        """Take a subscription in, in place of an earlier form of it."""
        self.drop(subscription.id)
        keys = list(dict.fromkeys(_keys(subscription)))
        self._keys[subscription.id] = keys
        for key in keys:
            self._by_key.setdefault(key, {})[subscription.id] = subscription

    def drop(self, subscription_id: str) -> None:
        """Forget a subscription."""
        for key in self._keys.pop(subscription_id, ()):
            held = self._by_key[key]
            del held[subscription_id]
            if not held:
                del self._by_key[key]

    def concerned(
        self, entity_id: str, types: Iterable[str], attrs: Iterable[str], *, deleted: bool
    ) -> dict[str, Subscription]:
        """Return the subscriptions that may be concerned, by id. Names as they stand in documents.

        A deletion names no attributes: it concerns who watches any attribute of the type.
        """
        found: dict[str, Subscription] = {}
        by_key = self._by_key
        for key in _asked(entity_id, types, attrs, deleted=deleted):
            if key in by_key:
                found.update(by_key[key])
        return found


def _asked(entity_id: str, types: Iterable[str], attrs: Iterable[str], *, deleted: bool) -> Iterator[tuple[str, ...]]:
    yield ("id", entity_id)
    yield ("any",)
    if deleted:
        yield ("watching",)
    else:
        yield from (("attr", name) for name in attrs)
    for type_name in types:
        yield ("type", type_name)
        if deleted:
            yield ("type watching", type_name)
        else:
            yield from (("type attr", type_name, name) for name in attrs)


def _keys(subscription: Subscription) -> Iterator[tuple[str, ...]]:
    """Yield the keys under which one of which every row that concerns it is asked for."""
    selectors = subscription.query.any_of or (Query(),)
    for selector in selectors:
        if selector.ids:
            yield from (("id", one) for one in selector.ids)
            continue
        names = type_names(selector.types)
        if names is None and subscription.watched:
            yield ("watching",)
            yield from (("attr", name) for name in subscription.watched)
        elif names is None:
            yield ("any",)
        elif subscription.watched:
            yield from (("type watching", one) for one in names)
            yield from (("type attr", one, name) for one in names for name in subscription.watched)
        else:
            yield from (("type", one) for one in names)


def type_names(node: Node | None) -> frozenset[str] | None:
    """Return types of which an entity must have one to be selected; None when it may have any."""
    match node:
        case TypeIs("*") | None:
            return None
        case TypeIs(name):
            return frozenset({name})
        case And(parts):
            named = [names for part in parts if (names := type_names(part)) is not None]
            return min(named, key=len, default=None)
        case Or(parts):
            each = [type_names(part) for part in parts]
            if any(names is None for names in each):
                return None
            return frozenset().union(*(names for names in each if names is not None))
        case _:
            return None
