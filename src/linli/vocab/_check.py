"""Checks of the attributes of an entity, compiled once a type: the instance, its value, and what belongs together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ._faults import Fault, Wrong
from ._model import MEMBER, Attribute, EntityType
from ._never import FORBIDDEN_NAME, never_in_json
from ._rules import compiled, of_whole
from ._values import Checker, datetime_wrong, value_checker

_EXTRA = re.compile(r"x_[A-Za-z0-9]+(_[A-Za-z0-9]+)*", re.ASCII)


class TypeChecker:
    """Checks the entities of one type."""

    def __init__(self, entity: EntityType, instead: Mapping[str, str], *, strict: bool = False) -> None:
        """Compile a checker for each attribute of `entity`.

        `instead` names ours for names that are not to be used; `strict` searches free text, too, for what is
        never kept.
        """
        self._type = entity
        self._instead = instead
        self._required = tuple(one.name for one in entity.attributes.values() if one.required)
        self._attributes = {one.name: _instance_checker(one, strict=strict) for one in entity.attributes.values()}
        self._rules = tuple(compiled(rule) for rule in entity.rules if not of_whole(rule))
        self._whole_rules = tuple(compiled(rule) for rule in entity.rules if of_whole(rule))

    def faults(self, attrs: Mapping[str, Any], *, whole: bool) -> list[Fault]:
        """Return what is wrong with `attrs`; `whole`: the required ones must all be there."""
        faults: list[Fault] = []
        for name, said in attrs.items():
            checker = self._attributes.get(name)
            if checker is None:
                checker = self._stranger(name)
            if type(said) is list:
                faults.extend(_instances(name, said, checker))
            elif (wrong := checker(said)) is not None:
                faults.append(_fault(name, wrong))
        if whole:
            faults.extend(Fault(name, "required") for name in self._required if name not in attrs)
        rules = self._rules + self._whole_rules if whole else self._rules
        faults.extend(broken for rule in rules if (broken := rule(attrs)) is not None)
        return faults

    def _stranger(self, name: str) -> Checker:
        if FORBIDDEN_NAME.search(name):
            return lambda _: Wrong("never_name")
        if _EXTRA.fullmatch(name):
            return _extra
        ours = self._instead.get(name)
        if ours in self._type.attributes:
            return lambda _: Wrong("unknown_say", {"type": self._type.name, "ours": ours})
        return lambda _: Wrong("unknown", {"type": self._type.name})


def _fault(path: str, wrong: Wrong) -> Fault:
    return Fault(path + wrong.at, wrong.rule, wrong.facts)


def _instances(name: str, said: list[Any], checker: Checker) -> Iterator[Fault]:
    if not said:
        yield Fault(name, "no_instance")
    seen: set[object] = set()
    for at, one in enumerate(said):
        if (wrong := checker(one)) is not None:
            yield _fault(f"{name}[{at}]", wrong)
        elif (dataset := one.get("datasetId")) in seen:
            yield Fault(f"{name}[{at}]", "same_dataset")
        else:
            seen.add(dataset)


def _extra(said: Any) -> Wrong | None:
    kind = said.get("type") if isinstance(said, dict) else None
    member = MEMBER.get(kind) if isinstance(kind, str) else None
    if member is None or member not in said:
        return Wrong("extra")
    return _within(member, never_in_json(said[member]))


def _within(member: str, wrong: Wrong | None) -> Wrong | None:
    """Return a fault inside a value with the member in its path: `.object[1]`."""
    return wrong._replace(at=f".{member}{wrong.at}") if wrong is not None and wrong.at else wrong


def _instance_checker(one: Attribute, *, strict: bool) -> Checker:
    member, kind, unit = MEMBER[one.kind], one.kind, one.unit
    value = value_checker(one, strict=strict)
    not_kind, no_member = Wrong("kind", {"kind": kind}), Wrong("member", {"member": member})
    not_unit = Wrong("unit", {"unit": unit}) if unit else Wrong("no_unit")

    def checker(said: Any) -> Wrong | None:
        if type(said) is not dict:
            return Wrong("normalized")
        if said.get("type") != kind:
            return not_kind
        if member not in said:
            return no_member
        return _within(member, value(said[member])) if len(said) == 2 else whole(said)

    def whole(said: Mapping[str, Any]) -> Wrong | None:
        if (observed := said.get("observedAt")) is not None and (wrong := datetime_wrong(observed)) is not None:
            return wrong._replace(at=".observedAt")
        if (given := said.get("unitCode")) is not None and given != unit:
            return not_unit
        return _within(member, value(said[member])) or _within("subs", never_in_json(said.get("subs"), cards=False))

    return checker
