"""What is made from the vocabulary for others: the @context documents and the JSON Schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._model import MEMBER, Attribute, EntityType

CONTEXT_URL = "https://w3id.org/linli/v1/context.jsonld"
CORE_CONTEXT_URL = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
SDM = "https://smartdatamodels.org/"
SCHEMA_URL = "https://w3id.org/linli/v1/schema"
_POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$"}

#: What a schema can say of a form; check digits and numbering plans are beyond it.
_FORMS: Mapping[str, str] = {
    "citizen_id": r"^\d{17}[\dX]$",
    "gb28181": r"^\d{20}$",
    "phone": r"^\+?[0-9]",
    "region_code": r"^(\d{12}(-g\d{2,3})?|\d{17})$",
    "scope": r"^/[^/]+(/[^/]+)*$",
    "uscc": r"^[0-9A-HJ-NP-RTUW-Y]{18}$",
}

_PLAIN: Mapping[str, Mapping[str, Any]] = {
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "datetime": _TIME,
    "code": {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]*$"},
    "date": {"type": "string", "format": "date"},
    "duration": {"type": "string", "format": "duration"},
    "uri": {"type": "string", "format": "uri"},
}


def context_document(types: Mapping[str, EntityType], further: Mapping[str, str]) -> dict[str, Any]:
    """Return the one flat @context, the core context last, as a broker may demand; `further`: term -> IRI."""
    terms: dict[str, Any] = {"@version": 1.1}
    for entity in types.values():
        terms[entity.name] = entity.iri
    attributes = {one.name: _term(one, one.iri) for entity in types.values() for one in entity.attributes.values()}
    terms.update(sorted((attributes | dict(further)).items()))
    return {"@context": [terms, CORE_CONTEXT_URL]}


def subject_context(types: Mapping[str, EntityType], subject: str) -> dict[str, Any]:
    """Return the @context under which partners find our entities of a Smart Data Models subject by its IRIs.

    Raises: KeyError: no type of ours reuses that subject.
    """
    terms: dict[str, Any] = {"@version": 1.1}
    for entity in types.values():
        if entity.reuse.split("/")[0] == subject:
            terms[entity.name] = SDM + entity.reuse.split("@")[0]
            for one in entity.attributes.values():
                terms.setdefault(one.name, _term(one, one.sdm_iri or one.iri))
    if len(terms) == 1:
        raise KeyError(subject)
    return {"@context": [terms, CORE_CONTEXT_URL]}


def _term(one: Attribute, iri: str) -> str | dict[str, str]:
    return {"@id": iri, "@type": "@id"} if one.kind == "Relationship" else iri


def schema_document(entity: EntityType) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a normalized entity."""
    properties: dict[str, Any] = {
        "id": {"type": "string", "format": "uri"},
        "type": {"const": entity.name},
        "scope": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "@context": True,
    }
    for one in entity.attributes.values():
        instance = _instance_schema(one)
        properties[one.name] = {
            "title": one.title["en"],
            "x-linli": _annotation(one),
            "oneOf": [instance, {"type": "array", "minItems": 1, "items": instance}],
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_URL}/{entity.name}.json",
        "title": entity.title["en"],
        "description": entity.text["en"],
        "type": "object",
        "properties": properties,
        "patternProperties": {"^x_[A-Za-z0-9_]+$": {"type": "object"}},
        "additionalProperties": False,
        "required": ["id", "type", *(one.name for one in entity.attributes.values() if one.required)],
        **_rules_schema(entity),
    }


def _annotation(one: Attribute) -> dict[str, Any]:
    """Return what a form or a store needs beside the check: the Chinese title, privacy, how long it is kept."""
    privacy = {"purpose": list(one.purpose), "keep_days": one.keep_days, "keep_from": one.keep_from, "mask": one.mask}
    return {"title": one.title["zh"], "pii": one.pii, **privacy}


def _rules_schema(entity: EntityType) -> dict[str, Any]:
    """Return those rules between attributes that a schema can say."""
    choices = [rule["one_of"] for rule in entity.rules if "one_of" in rule]
    return {"allOf": [{"oneOf": [{"required": [name]} for name in names]} for names in choices]} if choices else {}


def _instance_schema(one: Attribute) -> dict[str, Any]:
    member, value = MEMBER[one.kind], _value_schema(one)
    if one.many and one.kind != "ListProperty":
        value = {"oneOf": [value, {"type": "array", "minItems": int(one.required), "items": value}]}
    properties: dict[str, Any] = {"type": {"const": one.kind}, member: value, "observedAt": _TIME}
    properties["unitCode"] = {"const": one.unit} if one.unit else False
    return {"type": "object", "properties": properties, "required": ["type", member]}


def _value_schema(one: Attribute) -> dict[str, Any]:
    match one.kind:
        case "GeoProperty":
            shapes = one.shapes or ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
            return {
                "type": "object",
                "properties": {"type": {"enum": list(shapes)}, "coordinates": {"type": "array"}},
                "required": ["type", "coordinates"],
            }
        case "LanguageProperty":
            text = {"type": "string", "minLength": 1}
            return {
                "type": "object",
                "required": ["zh"],
                "additionalProperties": {"oneOf": [text, {"type": "array", "minItems": 1, "items": text}]},
            }
        case "JsonProperty":
            return {"type": ["object", "array"]}
        case "ListProperty":
            return {"type": "array", "items": _plain_schema(one)}
        case _:
            return _plain_schema(one)


def _plain_schema(one: Attribute) -> dict[str, Any]:
    if one.choices and not one.list_open:
        return {"enum": list(one.choices)}
    if one.value in ("integer", "number"):
        limits = {"minimum": one.min, "maximum": one.max}
        return {"type": one.value, **{key: limit for key, limit in limits.items() if limit is not None}}
    if one.form is not None and one.form in _FORMS:
        return {"type": "string", "pattern": _FORMS[one.form]}
    return dict(_PLAIN.get(one.value, {"type": "string", "minLength": 1}))
