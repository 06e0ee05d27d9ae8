"""The write rules of NGSI-LD, one pure function each: a stored document and what was said in, a new document out.

| operation | there already | not there | not in the body | null | types | scope |
|---|---|---|---|---|---|---|
| created | - | made | - | refused | as given | as given |
| replaced (PUT, upsert) | replaced, all instances | made | removed | refused | replaced | replaced |
| merged (PATCH) | member by member, into objects | made | kept, sub-attributes too | takes away at any depth | united | replaced |
| appended (POST attrs) | replaced instance by instance | made | kept | refused | united | replaced |
| appended, no overwrite | left, reported | made | kept | refused | united | united |
| updated (PATCH attrs) | replaced instance by instance | made | kept | that instance goes | united | only if there is one |
| attribute patched | member by member, values whole | 404 | kept, sub-attributes too | that instance or sub goes | - | - |
| attribute replaced | that instance replaced | 404 | kept | refused | - | - |
| attribute valued | its value replaced, observedAt goes | 404 | kept | refused | - | - |
| attribute removed | that instance, or all | 404 | kept | - | - | - |

Where not said otherwise sub-attributes go with the instance that is replaced. createdAt of an instance that is written
over is kept. The null itself is refused or marked by `_form`; a marked instance is `{"null": True}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from linli.base.errors import BadRequestData, ResourceNotFound

from ._form import Fragment
from ._plain import VALUE_MEMBER, Doc, Instance, stamped
from ._spelling import NULL

#: what a write left alone: (name, reason)
Left = Sequence[tuple[str, str]]
_NONE: list[Instance] = []
#: reads a bare value as the value of an attribute type: (type, value) -> value
Reader = Callable[[str, Any], Any]


class Outcome(NamedTuple):
    """What a rule made: the new document, the names that changed, and (name, reason) of what was left alone."""

    doc: Doc
    changed: list[str]
    left: Left = ()


@dataclass(frozen=True, slots=True)
class MergeHow:
    """What a merge was told beside its body.

    `observed_at`: when what it changes was observed, for instances that say such a time. `language`: of bare texts.
    `read`: makes a value of the stored type out of a bare one.
    """

    read: Reader
    observed_at: str | None = None
    language: str | None = None


def created(fragment: Fragment) -> Outcome:
    """Make a new document of what was said."""
    doc: Doc = {"id": fragment.id, "type": fragment.types, "scope": fragment.scopes or [], "attrs": fragment.attrs}
    return Outcome(_expiring(doc, fragment), list(fragment.attrs))


def replaced(doc: Doc, fragment: Fragment, at_us: int) -> Outcome:
    """Put what was said in place of everything that stood there; a scope that is not said stays the old one."""
    before = doc["attrs"]
    attrs = {name: _stamped(instances, before.get(name, _NONE), at_us) for name, instances in fragment.attrs.items()}
    scopes = doc["scope"] if fragment.scopes is None else fragment.scopes
    gone = [name for name in before if name not in attrs]
    fresh: Doc = {"id": doc["id"], "type": fragment.types or doc["type"], "scope": scopes, "attrs": attrs}
    return Outcome(_expiring(fresh, fragment), [*attrs, *gone])


def appended(doc: Doc, fragment: Fragment, at_us: int, *, overwrite: bool) -> Outcome:
    """Add what was said; `overwrite` False leaves instances that are already there and names them."""
    attrs = dict(doc["attrs"])
    changed: list[str] = []
    left: list[tuple[str, str]] = []
    for name, instances in fragment.attrs.items():
        before = attrs.get(name, [])
        taken = {one.get("datasetId") for one in before}
        fresh = instances if overwrite else [one for one in instances if one.get("datasetId") not in taken]
        if len(fresh) < len(instances):
            left.append((name, "is there already, and noOverwrite was asked for"))
        if fresh:
            attrs[name] = _over(before, fresh, at_us)
            changed.append(name)
    scopes = doc["scope"]
    if fragment.scopes is not None:
        scopes = fragment.scopes if overwrite else list(dict.fromkeys([*scopes, *fragment.scopes]))
    return Outcome(_rewritten(doc, fragment, scopes, attrs), changed, left)


def updated(doc: Doc, fragment: Fragment, at_us: int) -> Outcome:
    """Write over what was said, instance by instance; the NGSI-LD null takes an instance away."""
    attrs = dict(doc["attrs"])
    changed: list[str] = []
    for name, instances in fragment.attrs.items():
        before = attrs.get(name, [])
        gone = {one.get("datasetId") for one in instances if "null" in one}
        kept = [one for one in before if one.get("datasetId") not in gone]
        fresh = [one for one in instances if "null" not in one]
        if not fresh and len(kept) == len(before):
            continue
        changed.append(name)
        _set(attrs, name, _over(kept, fresh, at_us))
    left: list[tuple[str, str]] = []
    scopes = doc["scope"]
    if fragment.scopes is not None and scopes:
        scopes = fragment.scopes
    elif fragment.scopes is not None:
        left.append(("scope", "the entity has no scope to replace"))
    return Outcome(_rewritten(doc, fragment, scopes, attrs), changed, left)


def merged(doc: Doc, fragment: Fragment, at_us: int, how: MergeHow) -> Outcome:
    """Merge what was said into what stands there, member by member and into objects (RFC 7396).

    Raises: BadRequestData: an attribute would change its type, or lacks a value.
    """
    attrs = dict(doc["attrs"])
    changed: list[str] = []
    for name, instances in fragment.attrs.items():
        before = attrs.get(name, [])
        there = {one.get("datasetId"): one for one in before}
        gone = {one.get("datasetId") for one in instances if "null" in one}
        fresh = [_melted(there.get(one.get("datasetId")), one, name, how) for one in instances if "null" not in one]
        kept = [one for one in before if one.get("datasetId") not in gone]
        if not fresh and len(kept) == len(before):
            continue
        changed.append(name)
        _set(attrs, name, _over(kept, fresh, at_us))
    scopes = doc["scope"] if fragment.scopes is None else fragment.scopes
    return Outcome(_rewritten(doc, fragment, scopes, attrs), changed)


def attribute_patched(doc: Doc, name: str, said: Instance, at_us: int, how: MergeHow) -> Outcome:
    """Write over the members of one instance that were said; its other members and sub-attributes stay.

    Raises: ResourceNotFound: there is no such instance. BadRequestData: it is of another type.
    """
    old = _instance(doc, name, said.get("datasetId"))
    if "null" in said:
        return _one_set(doc, name, old, None)
    fresh = _laid_over(old, said, name, how.read)
    subs = {**old.get("subs", {}), **_made_subs(said, how)}
    subs = {key: instances for key, instances in subs.items() if instances}
    return _one_set(doc, name, old, _with_subs(fresh, subs), at_us)


def attribute_replaced(doc: Doc, name: str, said: Instance, at_us: int) -> Outcome:
    """Put one instance in place of the one with its datasetId. Raises: ResourceNotFound: there is no such instance."""
    return _one_set(doc, name, _instance(doc, name, said.get("datasetId")), said, at_us)


def attribute_valued(
    doc: Doc, name: str, value: Any, at_us: int, *, how: MergeHow, dataset_id: str | None = None
) -> Outcome:
    """Give one instance another value; its unit and sub-attributes stay, its time of observation does not.

    Raises: ResourceNotFound: there is no such instance. BadRequestData: the value cannot be of its type.
    """
    old = _instance(doc, name, dataset_id)
    fresh = {**old, VALUE_MEMBER[old["type"]]: _read_bare(old, value, how)}
    fresh.pop("observedAt", None)
    if how.observed_at is not None:
        fresh["observedAt"] = how.observed_at
    return _one_set(doc, name, old, fresh, at_us)


def attribute_removed(doc: Doc, name: str, dataset_id: str | None, *, every: bool) -> Outcome:
    """Take one instance away, or `every` one. Raises: ResourceNotFound: there is none."""
    if not every:
        return _one_set(doc, name, _instance(doc, name, dataset_id), None)
    if name not in doc["attrs"]:
        raise ResourceNotFound("The entity has no such attribute.")
    return stripped(doc, {name})


def scope_removed(doc: Doc) -> Outcome:
    """Take the scope away. Raises: ResourceNotFound: there is none."""
    if not doc["scope"]:
        raise ResourceNotFound("The entity has no scope.")
    return Outcome({**doc, "scope": []}, [])


def stripped(doc: Doc, names: Iterable[str]) -> Outcome:
    """Take attributes away, those that are there."""
    gone = [name for name in doc["attrs"] if name in names]
    attrs = {name: instances for name, instances in doc["attrs"].items() if name not in gone}
    return Outcome({**doc, "attrs": attrs}, gone)


# the parts that the rules share


def _rewritten(doc: Doc, fragment: Fragment, scopes: list[str], attrs: dict[str, list[Instance]]) -> Doc:
    types = list(dict.fromkeys([*doc["type"], *fragment.types]))
    return _expiring({**doc, "type": types, "scope": scopes, "attrs": attrs}, fragment)


def _expiring(doc: Doc, fragment: Fragment) -> Doc:
    """Return the document with the time of expiry that was said, if any was; 0 takes it away."""
    if fragment.expires_us:
        doc["expiresAt"] = fragment.expires_us
    elif fragment.expires_us == 0:
        doc.pop("expiresAt", None)
    return doc


def _set(attrs: dict[str, list[Instance]], name: str, instances: list[Instance]) -> None:
    if instances:
        attrs[name] = instances
    else:
        attrs.pop(name, None)


def _instance(doc: Doc, name: str, dataset_id: str | None) -> Instance:
    for one in doc["attrs"].get(name, ()):
        if one.get("datasetId") == dataset_id:
            found: Instance = one
            return found
    raise ResourceNotFound("The entity has no such attribute, or none with this datasetId.")


def _one_set(doc: Doc, name: str, old: Instance, fresh: Instance | None, at_us: int = 0) -> Outcome:
    """Put `fresh` in the place of one instance, or take that away."""
    attrs = dict(doc["attrs"])
    written = [] if fresh is None else _stamped([fresh], [old], at_us)
    _set(attrs, name, [part for one in attrs[name] for part in (written if one is old else [one])])
    return Outcome({**doc, "attrs": attrs}, [name])


def _over(before: list[Instance], fresh: list[Instance], at_us: int) -> list[Instance]:
    """Return `before` with the instances of the same datasetId replaced and the others added."""
    written = {one.get("datasetId"): one for one in _stamped(fresh, before, at_us)}
    kept = [written.pop(one.get("datasetId"), one) for one in before]
    return [*kept, *written.values()]


def _stamped(fresh: list[Instance], before: list[Instance], at_us: int) -> list[Instance]:
    if len(fresh) == 1 == len(before) and "datasetId" not in fresh[0] and "datasetId" not in before[0]:
        return [stamped(fresh[0], before[0], at_us)]
    there = {one.get("datasetId"): one for one in before}
    return [stamped(one, there.get(one.get("datasetId")), at_us) for one in fresh]


def _laid_over(old: Instance, said: Instance, where: str, read: Reader) -> Instance:
    """Return an instance with the members that were said in place of its own; None takes one away.

    Sub-attributes are the caller's. Raises: BadRequestData: the type is another one.
    """
    kind = old["type"]
    member = VALUE_MEMBER[kind]
    if said.get("type", kind) != kind or any(key in said for key in VALUE_MEMBERS if key != member):
        raise BadRequestData(f"{where}: is a {kind}, and its type cannot be changed here.")
    fresh = {key: value for key, value in old.items() if key not in _STAMPS}
    for key, value in said.items():
        if key == "subs":
            continue
        if value is None or (key == "expiresAt" and value == 0):
            fresh.pop(key, None)
        else:
            fresh[key] = value
    if kind == "GeoProperty" and "value" in said:
        fresh["value"] = read(kind, said["value"])
    return fresh


def _melted(old: Instance | None, said: Instance, where: str, how: MergeHow) -> Instance:
    """Return what a merge makes of one instance. Raises: BadRequestData."""
    if old is None:
        return _made(said, where, how)
    if "bare" in said:
        said = {**said, VALUE_MEMBER[old["type"]]: _read_bare(old, said["bare"], how)}
        del said["bare"]
    fresh = _laid_over(old, said, where, how.read)
    member = VALUE_MEMBER[old["type"]]
    if member in said:
        fresh[member] = _melted_value(old[member], said[member])
        if member == "languageMap" and not fresh[member]:
            raise BadRequestData(f"{where}: no language would be left; delete the attribute instead.")
    if how.observed_at is not None and "observedAt" in old and "observedAt" not in said:
        fresh["observedAt"] = how.observed_at
    subs: dict[str, list[Instance]] = dict(old.get("subs", {}))
    for name, instances in said.get("subs", {}).items():
        there = {one.get("datasetId"): one for one in subs.get(name, ())}
        for one in instances:
            if "null" in one:
                there.pop(one.get("datasetId"), None)
            else:
                there[one.get("datasetId")] = _melted(there.get(one.get("datasetId")), one, name, how)
        _set(subs, name, list(there.values()))
    return _with_subs(fresh, subs)


def _made(said: Instance, where: str, how: MergeHow) -> Instance:
    """Return a new instance out of what a merge or partial update says: whole, and without any null in it."""
    if "bare" in said:
        made: Instance = {"type": "Property", "value": said["bare"]}
        if isinstance(said["bare"], dict) and "coordinates" in said["bare"]:
            made = {"type": "GeoProperty", "value": how.read("GeoProperty", said["bare"])}
        return {**made, **({"datasetId": said["datasetId"]} if "datasetId" in said else {})}
    fresh = {key: value for key, value in said.items() if value is not None and key != "subs"}
    if "type" not in fresh:
        if "value" not in fresh:
            raise BadRequestData(f"{where}: is not there yet, so it needs a value.")
        kind = "GeoProperty" if isinstance(fresh["value"], dict) and "coordinates" in fresh["value"] else "Property"
        fresh = {"type": kind, **fresh}
    member = VALUE_MEMBER[fresh["type"]]
    if member not in fresh:
        raise BadRequestData(f"{where}: is not there yet, so it needs a value.")
    fresh[member] = _melted_value(None, fresh[member])
    return _with_subs(fresh, {name: instances for name, instances in _made_subs(said, how).items() if instances})


def _made_subs(said: Instance, how: MergeHow) -> dict[str, list[Instance]]:
    """Return the sub-attributes of what was said, whole; those that were all taken away are empty lists."""
    return {
        name: [_made(one, name, how) for one in instances if "null" not in one]
        for name, instances in said.get("subs", {}).items()
    }


def _melted_value(old: Any, said: Any) -> Any:
    """Merge a value into another: objects key by key, everything else is replaced; the NGSI-LD null takes keys away."""
    if not isinstance(said, dict):
        return said
    melted = dict(old) if isinstance(old, dict) else {}
    for key, value in said.items():
        if value == NULL:
            melted.pop(key, None)
        else:
            melted[key] = _melted_value(melted.get(key), value)
    return melted


def _read_bare(old: Instance, value: Any, how: MergeHow) -> Any:
    """Return a bare value as one of the stored type; a text with a language is one entry of a languageMap."""
    if how.language is not None and old["type"] == "LanguageProperty" and not isinstance(value, dict):
        value = {**old["languageMap"], how.language: value}
    stored = old[VALUE_MEMBER[old["type"]]]
    if isinstance(stored, dict) and "@value" in stored and not isinstance(value, dict):
        value = {**stored, "@value": value}
    return how.read(old["type"], value)


def _with_subs(instance: Instance, subs: Mapping[str, list[Instance]]) -> Instance:
    rest = {key: value for key, value in instance.items() if key != "subs"}
    return {**rest, "subs": dict(subs)} if subs else rest


VALUE_MEMBERS = frozenset(VALUE_MEMBER.values())
_STAMPS = frozenset({"createdAt", "modifiedAt"})
