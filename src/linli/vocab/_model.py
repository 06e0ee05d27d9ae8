"""The words of the vocabulary as values: types, attributes, code lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Words = Mapping[str, str]
#: What holds between attributes of a type, as the type file says it: {"in_order": ["from", "to"]}
Rule = Mapping[str, Any]
Basis = Literal["contract", "duty", "emergency", "consent"]
AttributeKind = Literal[
    "Property", "Relationship", "GeoProperty", "LanguageProperty", "VocabProperty", "JsonProperty", "ListProperty"
]

#: Where the member that holds the value of each kind stands in a normalized instance.
MEMBER: Mapping[str, str] = {
    "Property": "value",
    "Relationship": "object",
    "GeoProperty": "value",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
}


@dataclass(frozen=True, slots=True)
class CodeList:
    """The keys an attribute may take, with their titles. `open`: others of the same spelling may be added.

    `basis`: of a list of purposes, on what legal ground personal information may be used for each.
    """

    name: str
    title: Words
    codes: Mapping[str, Words]
    open: bool = False
    basis: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of one type. Units: `unit` is a UN/CEFACT Rec 20 code; `keep_days` are days, -1 = while it lives.

    `indexed`: engines look entities up by it. `sdm_iri`: its IRI in Smart Data Models where that differs by subject.
    `form`: what a string is held to (a telephone number, a region code). `sample`: a value for samples where the usual one would say nothing.
    """

    name: str
    iri: str
    kind: AttributeKind
    title: Words
    pii: str
    purpose: tuple[str, ...]
    keep_days: int
    keep_from: str
    mask: str
    value: str = "string"
    target: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    many: bool = False
    required: bool = False
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    list_name: str | None = None
    list_open: bool = False
    form: str | None = None
    sample: Any = None
    indexed: bool = False
    sdm_iri: str = ""


@dataclass(frozen=True, slots=True)
class EntityType:
    """One type with all its attributes, the common ones included.

    `rules`: what holds between attributes. `aggregate`: it counts people, and a rule says how many are too few to be
    told. `own`: the names that stand in the type's own file. `reuse`: the Smart Data Model whose names and meanings it keeps.
    `pii`: the class of privacy of what its file says nothing else of: a type of which that is "none" is not about a person.
    `subject`: relationships to the person whom an entity is about, the first that it has counts; else it is about itself.
    """

    name: str
    iri: str
    version: str
    status: str
    title: Words
    text: Words
    id_form: str
    attributes: Mapping[str, Attribute]
    own: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    aggregate: bool = False
    append_only: bool = False
    reuse: str = ""
    subject: tuple[str, ...] = ()
    pii: str = "none"
