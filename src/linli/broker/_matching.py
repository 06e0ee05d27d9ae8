"""Which subscriptions a write concerns: an index that passes over almost all of them, then the triggers, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from linli.store import LogRow

from ._plain import Doc, Instance
from ._query import And, Node, Or, Query, TypeIs
from ._subscription import Subscription
from ._via import Way

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
    way: Way = ()
    #: what was found out about it for one subscriber and holds for others as well
    known: dict[Any, Any] = field(default_factory=dict)

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


#: subscriptions by id
Subscriptions = dict[str, Subscription]

#: what stands for attributes: every write to the type, and every deletion that takes a watched attribute with it
_EVERY, _WATCHING = " every", " watching"
_ANY = "*"


class Index:
    """Finds the subscriptions that a write may concern: by the entity's id, else by its types and by what was written.

    Names are short ones, as rows of the log have them.
    """

    def __init__(self, short: Callable[[str], str]) -> None:
        """Hold nothing. `short` makes a short name of one that stands in documents."""
        #: another number whenever something was taken in or dropped
        self.generation = 0
        self._short = short
        self._by_id: dict[str, Subscriptions] = {}
        self._by_type: dict[str, dict[str, Subscriptions]] = {}
        self._keys: dict[str, list[tuple[str, str]]] = {}

    def put(self, subscription: Subscription) -> None:
        """Take a subscription in, in place of an earlier form of it."""
        self.drop(subscription.id)
        keys = list(dict.fromkeys(self._keys_of(subscription)))
        self._keys[subscription.id] = keys
        for one, name in keys:
            places = self._by_type.setdefault(one, {}) if one else self._by_id
            places.setdefault(name, {})[subscription.id] = subscription

    def drop(self, subscription_id: str) -> None:
        """Forget a subscription."""
        self.generation += 1
        for one, name in self._keys.pop(subscription_id, ()):
            places = self._by_type[one] if one else self._by_id
            del places[name][subscription_id]
            if not places[name]:
                del places[name]
            if one and not places:
                del self._by_type[one]

    def concerns(self, entity_id: str, types: Iterable[str], attrs: Iterable[str]) -> bool:
        """Tell whether a write that deletes nothing may concern anybody."""
        if entity_id in self._by_id:
            return True
        for one in (*types, _ANY):
            names = self._by_type.get(one)
            if names is None:
                continue
            if _EVERY in names:
                return True
            for name in attrs:
                if name in names:
                    return True
        return False

    def concerned(self, entity_id: str, types: Iterable[str], attrs: Iterable[str], *, deleted: bool) -> Subscriptions:
        """Return the subscriptions that may be concerned.

        A deletion names no attributes: it concerns who watches any attribute of the type.
        """
        found = dict(self._by_id.get(entity_id, ()))
        asked = (_EVERY, _WATCHING) if deleted else (_EVERY, *attrs)
        for one in (*types, _ANY):
            names = self._by_type.get(one, {})
            for name in asked:
                found.update(names.get(name, ()))
        return found

    def _keys_of(self, subscription: Subscription) -> Iterator[tuple[str, str]]:
        """Yield (type, name) or ("", id): whatever concerns it looks into one of these places."""
        names = [_WATCHING, *map(self._short, subscription.watched)] if subscription.watched else [_EVERY]
        for selector in subscription.query.any_of or (Query(),):
            if selector.ids:
                yield from (("", one) for one in selector.ids)
                continue
            types = type_names(selector.types)
            for one in (_ANY,) if types is None else map(self._short, types):
                yield from ((one, name) for name in names)


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
