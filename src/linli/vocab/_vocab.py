"""The vocabulary as one object, and the one that is built in."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from linli.base import write_json
from linli.base.errors import BadVocabulary

from . import _load, _publish
from ._check import TypeChecker
from ._faults import Fault
from ._model import CodeList, EntityType, Words
from ._samples import sample_entity


class Vocab:
    """All types, attributes and code lists, with what is made from them."""

    def __init__(
        self, types: Mapping[str, EntityType], lists: Mapping[str, CodeList], common: Mapping[str, Any]
    ) -> None:
        """Hold the types together; `common`: what common.toml says. Raises: BadVocabulary: they contradict each other."""
        _load.agree(types)
        self.types = MappingProxyType(dict(types))
        self.lists = MappingProxyType(dict(lists))
        self.by_iri = MappingProxyType({entity.iri: entity for entity in types.values()})
        self.version = str(common.get("version", ""))
        self.sub_attributes: Mapping[str, Words] = {
            one["name"]: one["title"] for one in common.get("sub_attribute", ())
        }
        self._iris = {
            **{name: _load.OWN + name for name in self.sub_attributes},
            **{entity.name: entity.iri for entity in types.values()},
            **{one.name: one.iri for entity in types.values() for one in entity.attributes.values()},
        }
        self._terms = {iri: term for term, iri in self._iris.items()}
        self._instead: Mapping[str, str] = common.get("instead", {})
        self._checkers: dict[tuple[str, bool], TypeChecker] = {}

    @property
    def roles(self) -> Mapping[str, Words]:
        """Return the closed list of roles with their titles."""
        return self.lists["role"].codes

    def iri_of(self, term: str) -> str | None:
        """Return the IRI of a type or attribute by its short name, or None when it is not ours."""
        return self._iris.get(term)

    def term_of(self, iri: str) -> str | None:
        """Return the short name of a type or attribute of ours."""
        return self._terms.get(iri)

    def context(self, subject: str | None = None) -> dict[str, Any]:
        """Return the @context document: flat, version 1.1, the core context last.

        `subject`: instead, the one under which partners find our entities by the IRIs of a Smart Data Models subject
        (dataModel.Alert). Raises: KeyError: no type of ours reuses that subject.
        """
        if subject is not None:
            return _publish.subject_context(self.types, subject)
        return _publish.context_document(self.types, {name: _load.OWN + name for name in self.sub_attributes})

    def subjects(self) -> list[str]:
        """Return the Smart Data Models subjects that types of ours reuse."""
        return sorted({entity.reuse.split("/")[0] for entity in self.types.values() if entity.reuse})

    def fingerprint(self) -> str:
        """Return the SHA-256 of all that entities are judged by, so that a report can say by what it was made."""
        judged = [self.version, self.context(), [self.json_schema(name) for name in sorted(self.types)]]
        rules = [[list(map(dict, self.types[name].rules)) for name in sorted(self.types)]]
        return hashlib.sha256(write_json([judged, rules])).hexdigest()

    def sample(self, type_name: str, *, whole: bool = False) -> dict[str, Any]:
        """Return an entity of a type that is right: its required attributes, or with `whole` all of them.

        Raises: KeyError: not a type of ours.
        """
        return sample_entity(self.types[type_name], self.types, whole=whole)

    def json_schema(self, type_name: str) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of normalized entities of a type. Raises: KeyError: not a type of ours."""
        return _publish.schema_document(self.types[type_name])

    def check(
        self, type_name: str, attrs: Mapping[str, Any], *, whole: bool = True, strict: bool = False
    ) -> list[Fault]:
        """Return what is wrong with the normalized attributes of an entity; an empty list when nothing is.

        `attrs`: short name -> instance, or a list of instances with different datasetIds; without id, type, scope.
        `whole`: required attributes must be there; False for a change of some attributes only.
        `strict`: free text, too, is searched for what is never kept (a node takes it as it comes).
        Raises: KeyError: not a type of ours.
        """
        checker = self._checkers.get((type_name, strict))
        if checker is None:  # compiled when first asked: most nodes meet few of the types
            checker = TypeChecker(self.types[type_name], self._instead, strict=strict)
            self._checkers[type_name, strict] = checker
        return checker.faults(attrs, whole=whole)


def build(
    types: Mapping[str, Mapping[str, Any]], lists: Mapping[str, Mapping[str, Any]], common: Mapping[str, Any]
) -> Vocab:
    """Return a vocabulary from parsed files: file name -> its content.

    Raises: BadVocabulary: with the file, the place in it, and what is allowed there.
    """
    codes = {name: _load.code_list(name, tree) for name, tree in lists.items()}
    shared = _load.common_attributes(common, codes)
    raw = {one["name"]: one for one in common.get("attribute", ())}
    entities = [_load.entity_type(f"types/{file}", tree, shared, raw, codes) for file, tree in types.items()]
    return Vocab({entity.name: entity for entity in entities}, codes, common)


@cache
def vocabulary() -> Vocab:
    """Return the built-in vocabulary; it is read once."""
    here = resources.files(__package__)
    types = {file.name: _toml(file) for file in _sorted(here.joinpath("types"))}
    lists = {file.name.removesuffix(".toml"): _toml(file) for file in _sorted(here.joinpath("lists"))}
    return build(types, lists, _toml(here.joinpath("common.toml")))


def role_titles() -> Mapping[str, Words]:
    """Return the titles of all roles, zh and en."""
    return vocabulary().roles


def _sorted(folder: Any) -> list[Any]:
    return sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: str(file.name))


def _toml(file: Any) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadVocabulary(f"{file.name}: {error}.") from error
