"""Answers for programs that know an older version of NGSI-LD: newer attribute types become what they can read (4.3.6.8)."""

from __future__ import annotations

from typing import Any

#: attribute type -> version in which it came, the member of its value, and what stands in its place before
_CAME = {
    "LanguageProperty": ((1, 4), "languageMap", "Property", "value"),
    "VocabProperty": ((1, 8), "vocab", "Property", "value"),
    "JsonProperty": ((1, 8), "json", "Property", "value"),
    "ListProperty": ((1, 8), "valueList", "Property", "value"),
    "ListRelationship": ((1, 8), "objectList", "Property", "value"),
}


def version_of(said: str) -> tuple[int, int]:
    """Return major and minor of a version that is written like 1.5."""
    major, minor, *_ = said.split(".")
    return int(major), int(minor)


def made_older(entity: dict[str, Any], version: tuple[int, int]) -> bool:
    """Change an entity (or the properties of a Feature) in place; return whether anything had to be changed."""
    changed = False
    for value in entity.values():
        for instance in value if isinstance(value, list) else [value]:
            if isinstance(instance, dict):
                changed = _instance_made_older(instance, version) or changed
    return changed


def _instance_made_older(instance: dict[str, Any], version: tuple[int, int]) -> bool:
    kind = instance.get("type")
    came = _CAME.get(kind) if isinstance(kind, str) else None
    changed = made_older({key: one for key, one in instance.items() if key not in _VALUES}, version)
    if came is None or version >= came[0] or came[1] not in instance:
        return changed
    _, member, instance["type"], new_member = came
    instance[new_member] = instance.pop(member)
    return True


_VALUES = frozenset({"value", "object", "languageMap", "vocab", "json", "valueList", "objectList"})
