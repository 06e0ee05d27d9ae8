"""What an asker may see of an entity: the question put to trust, and the answer carried out on the document.

The vocabulary's privacy classes and masks do the work; whoever renders, filters or counts gets a document from which
what is hidden is already gone, so no operator can tell a hidden attribute from one that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from linli.base.errors import NotAllowed, PurposeMissing
from linli.trust import FULL, Act, Decision, Shown, Thing, Verb
from linli.vocab import Attribute, EntityType, Vocab

from ._names import Names
from ._person import Grounds, Persons
from ._plain import VALUE_MEMBER, Doc, Instance
from ._thing import thing_of

#: side of a cell of the grid behind which exact places hide, in degrees: about 550 m north-south
GRID_DEG = 0.005


#: nothing personal is shown
NO_CLASS: frozenset[str] = frozenset()

#: on reading, an asker's purpose opens personal attributes ("apply"); an engine of this process answers for itself
PurposeRule = Literal["apply", "ignore"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A document as one asker sees it. `shown` is what he may read; `judged` is what his filters may touch: the same
    without the values that are only shown masked. `withheld`: personal attributes that his role may see, but that
    his purpose (or having none) does not open. `opened`: the class of privacy of each that is shown in clear."""

    shown: Doc
    judged: Doc
    withheld: frozenset[str] = frozenset()
    opened: Mapping[str, str] = field(default_factory=dict)

    def classes(self, shows: Callable[[str], bool]) -> frozenset[str]:
        """Return the classes of what is in clear in an answer that shows some attributes only."""
        return frozenset(pii for name, pii in self.opened.items() if shows(name)) if self.opened else NO_CLASS


class Sight:
    """Knows owners, privacy classes, purposes and masks of what the vocabulary describes."""

    def __init__(
        self,
        vocab: Vocab,
        persons: Persons | None = None,
        refused: Callable[[Act, Verb, Thing, str], None] = lambda *_: None,
    ) -> None:
        """Take classes and masks from this vocabulary; `persons`: who agreed to what, None = nobody is asked; `refused` is
        told of whoever asks for a purpose that opens nothing."""
        self.names = Names(vocab)
        self._persons = persons
        self._refused = refused
        self._purposes = frozenset(vocab.lists["purpose"].codes)

    def thing(self, doc: Doc, attrs: tuple[str, ...] = ()) -> Thing:
        """Return what trust needs to know of an entity. `attrs`: short names of what a write touches."""
        return thing_of(doc, self.names, attrs)

    def check_purpose(self, act: Act) -> None:
        """Refuse a purpose that is not in the closed list. Raises: NotAllowed."""
        if act.purpose is not None and act.purpose not in self._purposes:
            raise NotAllowed("Linli-Purpose: no such purpose; the list stands in the vocabulary.")

    def seen(self, doc: Doc, decision: Decision, act: Act, rule: PurposeRule, whole: Doc | None = None) -> Seen:
        """Return the document as `act` may see it: a purpose opens those personal attributes that may be used for it.

        Of types that are not ours, and of own additions x_…, only those see attributes who see everything. `whole`: the
        document that says whose data these are, where `doc` is a part of it.
        """
        entity_type = self.names.type_of(doc["type"])
        if decision.shown == FULL and (entity_type is None or rule == "ignore"):
            return Seen(doc, doc)
        shown: dict[str, list[Instance]] = {}
        withheld: set[str] = set()
        clear: dict[str, str] = {}  # classes of what is shown as it is
        grounds = self._grounds(act, entity_type, whole or doc) if rule == "apply" else None
        for name, instances in doc["attrs"].items():
            attribute = self.names.attribute(entity_type, name)
            if grounds is not None and attribute is not None and not grounds.opens(attribute):
                continue
            pii = _class_of(attribute, grounds)
            share = _share(attribute, pii, decision.shown, act.purpose, rule)
            if share == "open":
                shown[name] = instances
                clear[name] = pii
            elif share == "withheld":
                withheld.add(name)
            elif share == "masked" and attribute is not None:
                masked = [one for one in (_masked(instance, attribute.mask) for instance in instances) if one]
                if masked:
                    shown[name] = masked
        # A child is never found, ranked or compared by what is known of it.
        judged = {name: shown[name] for name, pii in clear.items() if pii != "minor"}
        opened = {name: pii for name, pii in clear.items() if pii != "none"}
        if len(judged) == len(doc["attrs"]):
            return Seen(doc, doc, opened=opened)
        return Seen({**doc, "attrs": shown}, {**doc, "attrs": judged}, frozenset(withheld), opened)

    def shows(self, doc: Doc, names: Iterable[str], decision: Decision, act: Act) -> list[str]:
        """Return those of some attributes, by short name, of which `act` may know, whether they stand there or are gone."""
        entity_type = self.names.type_of(doc["type"])
        if decision.shown == FULL and entity_type is None:
            return list(names)
        grounds = self._grounds(act, entity_type, doc)
        seen: list[str] = []
        for name in names:
            attribute = None if entity_type is None else entity_type.attributes.get(name)
            if grounds is not None and attribute is not None and not grounds.opens(attribute):
                continue
            share = _share(attribute, _class_of(attribute, grounds), decision.shown, act.purpose, "apply")
            if share in ("open", "masked") or name == "scope":
                seen.append(name)
        return seen

    def _grounds(self, act: Act, entity_type: EntityType | None, doc: Doc) -> Grounds | None:
        if self._persons is None or entity_type is None:
            return None
        return self._persons.grounds(act, entity_type, doc)

    def check_asked(self, act: Act, seen: Seen, asked: frozenset[str] | None, omitted: frozenset[str]) -> None:
        """Refuse what was asked for and is withheld only because of the purpose; `asked` None = all attributes.

        Raises: PurposeMissing: no purpose was given. NotAllowed: it was asked for by name, and the purpose is another.
        """
        refused = sorted((seen.withheld if asked is None else seen.withheld & asked) - omitted)
        if not refused:
            return
        name = self.names.short(refused[0])
        if act.purpose is None:
            raise PurposeMissing(f"{name} is personal: send the header Linli-Purpose.")
        if asked is not None:
            if (entity_type := self.names.type_of(seen.shown["type"])) is not None:
                self._closed(act, "read", entity_type)
            raise NotAllowed(f"{name} is not open for this purpose.")

    def _closed(self, act: Act, verb: Verb, entity_type: EntityType) -> None:
        self._refused(act, verb, Thing(entity_type.name), "purpose")

    def check_filter(self, act: Act, filtered: frozenset[str], inner_types: frozenset[str] | None) -> None:
        """Refuse a filter on an attribute that the purpose opens in none of the types that are searched (None = any).

        Entities play no part in it: were the answer to depend on them, an error would tell that there is one. Where the
        purpose opens it in some types only, the filter finds it absent in the others.

        Raises: PurposeMissing, NotAllowed.
        """
        types = self.names.own_types if inner_types is None else [self.names.type_of([name]) for name in inner_types]
        for name in sorted(filtered):
            ours = [one for one in (self.names.attribute(entity_type, name) for entity_type in types) if one]
            if not ours or any(one.pii == "none" or act.purpose in one.purpose for one in ours):
                continue
            if act.purpose is None:
                raise PurposeMissing(f"{ours[0].name} is personal: send the header Linli-Purpose.")
            for entity_type in types:
                if entity_type is not None and self.names.attribute(entity_type, name):
                    self._closed(act, "list", entity_type)
            raise NotAllowed(f"{ours[0].name} is not open for this purpose.")

    def check_write_purpose(self, act: Act, entity_type: EntityType, inner_names: list[str], scopes: list[str]) -> None:
        """Refuse to write personal attributes without a purpose, or for one that they do not serve in these scopes.

        Raises: PurposeMissing, NotAllowed: with the attribute's name.
        """
        for name in inner_names:
            attribute = self.names.attribute(entity_type, name)
            if attribute is None or attribute.pii == "none":
                continue
            if act.purpose is None:
                raise PurposeMissing(f"{attribute.name} is personal: send the header Linli-Purpose.")
            if act.purpose not in attribute.purpose:
                self._closed(act, "change", entity_type)
                raise NotAllowed(f"{attribute.name} may be written for {', '.join(attribute.purpose)} only.")
            if self._persons is not None and not self._persons.may_collect(act, attribute, scopes):
                self._closed(act, "change", entity_type)
                raise NotAllowed(f"{attribute.name}: no order that is in force here allows it.")


def _class_of(attribute: Attribute | None, grounds: Grounds | None) -> str:
    """Return the class of privacy of an attribute: of what is personal of a child, "minor"."""
    if attribute is None or attribute.pii == "none":
        return "none"
    return "minor" if grounds is not None and grounds.minor else attribute.pii


def _share(attribute: Attribute | None, pii: str, shown: Shown, purpose: str | None, rule: PurposeRule) -> str:
    """Return what becomes of an attribute: open, masked, withheld (by the purpose) or hidden (by the role)."""
    if attribute is None:
        return "open" if shown == FULL else "hidden"
    if pii == "none":
        return "open" if attribute.mask == "none" or shown == FULL else "hidden"
    level = shown.of(pii)
    if level == "hidden":
        return "hidden"
    if rule == "apply" and purpose not in attribute.purpose:
        return "withheld"
    return "open" if level == "full" else "masked"


def _masked(instance: Instance, mask: str) -> Instance | None:
    """Return an instance with its value masked and without sub-attributes; None when nothing may be shown."""
    masker = _MASKS.get(mask)
    member = VALUE_MEMBER[instance["type"]]
    value = masker(instance[member]) if masker else None
    if value is None:
        return None
    kept: Instance = {key: instance[key] for key in _KEPT if key in instance}
    return {**kept, member: value}


_KEPT = ("type", "datasetId", "createdAt", "modifiedAt")


def _mask_name(value: Any) -> str | None:
    return value[0] + "**" if isinstance(value, str) and value else None


def _mask_phone(value: Any) -> str | None:
    return value[:3] + "****" + value[-4:] if isinstance(value, str) and len(value) >= 8 else None


def _mask_idno(value: Any) -> str | None:
    return value[:6] + "*" * (len(value) - 8) + value[-2:] if isinstance(value, str) and len(value) >= 15 else None


def _mask_tail4(value: Any) -> str | None:
    return "****" + value[-4:] if isinstance(value, str) and len(value) >= 6 else None


def _mask_area(value: Any) -> dict[str, Any] | None:
    """Return the centre of the grid cell in which a Point lies; any other geometry says too much."""
    if not isinstance(value, dict) or value.get("type") != "Point":
        return None
    centre = [round((degrees // GRID_DEG + 0.5) * GRID_DEG, 4) for degrees in value["coordinates"][:2]]
    return {"type": "Point", "coordinates": centre}


_MASKS: Mapping[str, Callable[[Any], Any]] = {
    "none": lambda value: value,
    "name": _mask_name,
    "phone": _mask_phone,
    "idno": _mask_idno,
    "tail4": _mask_tail4,
    "area": _mask_area,
}
