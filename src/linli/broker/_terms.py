"""The term engine: a @context compiled once into dictionaries from terms to names and back.

A name is how it stands in documents (see `_names`). The core context comes last and wins, as NGSI-LD wants it: its
terms cannot be redefined and its @vocab expands every term that no context knows. Contexts are known by URL beforehand
(the core's own, ours, and those the node was given as files) or written into the request; none is ever fetched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from linli.base.errors import BadRequestData, LdContextNotAvailable
from linli.vocab import CONTEXT_URL, CORE_CONTEXT_URL, Vocab

from ._names import DEFAULT, full_name, inner_name

_ETSI = "https://uri.etsi.org/ngsi-ld/"
_DCTERMS = "http://purl.org/dc/terms/"

#: the core's terms that can name an attribute; its terms for members (value, object, ...) are read by `_form`
CORE_TERMS: Mapping[str, str] = {
    **{term: _ETSI + term for term in ("location", "observationSpace", "operationSpace", "status")},
    **{term: _DCTERMS + term for term in ("title", "description")},
}

CONTEXT_BYTES_MAX = 1 << 20
CONTEXTS_NESTED_MAX = 10
CONTEXTS_KEPT = 256
_NAMES_KEPT = 20_000
_CORE_URL = re.compile(r"https?://uri\.etsi\.org/ngsi-ld/v1/ngsi-ld-core-context(-v\d+\.\d+(\.\d+)?)?\.jsonld")
_PREFIX_END = frozenset(":/?#[]@")


class Terms:
    """One compiled @context: expands terms into names and compacts names into terms."""

    def __init__(self, defined: Mapping[str, str], prefixes: Mapping[str, str], source: Any) -> None:
        """Take what the user's contexts define; `source` is what stands as @context in an answer."""
        self.source = source
        self.link = source if isinstance(source, str) else None
        self.key = hashlib.blake2b(orjson.dumps(source, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
        self._iris = {**defined, **CORE_TERMS}
        self._prefixes = dict(prefixes)
        self._terms: dict[str, str] = {}
        for term, iri in self._iris.items():
            known = self._terms.get(iri)
            if known is None or (len(term), term) < (len(known), known):
                self._terms[iri] = term
        self._inner: dict[str, str] = {}
        self._short: dict[str, str] = {}

    def name(self, term: str) -> str:
        """Return the name in documents of a term, a compact IRI or an IRI."""
        known = self._inner.get(term)
        if known is None:
            known = inner_name(self.iri(term))
            _keep(self._inner, term, known)
        return known

    def known(self, term: str) -> str | None:
        """Return the name of a term that was asked for before (and so was checked before); None otherwise."""
        return self._inner.get(term)

    def term(self, name: str) -> str:
        """Return the shortest way to say a name in this context: a term, a compact IRI, else the IRI."""
        known = self._short.get(name)
        if known is None:
            known = self._compacted(full_name(name))
            _keep(self._short, name, known)
        return known

    def vocab_value(self, term: str) -> str:
        """Return how a VocabProperty's value stands in documents: an IRI, bare when it is of the default context."""
        iri = self.iri(term)
        bare = iri[len(DEFAULT) :]
        return bare if iri.startswith(DEFAULT) and bare and ":" not in bare else iri

    def vocab_term(self, value: str) -> str:
        """Return a VocabProperty's value in this context."""
        return self._compacted(value if ":" in value else DEFAULT + value)

    def iri(self, term: str) -> str:
        """Return the full IRI of a term."""
        known = self._iris.get(term)
        if known is not None:
            return known
        prefix, colon, suffix = term.partition(":")
        if not colon:
            return DEFAULT + term
        base = None if suffix.startswith("//") else self._prefixes.get(prefix)
        return term if base is None else base + suffix

    def _compacted(self, iri: str) -> str:
        known = self._terms.get(iri)
        if known is not None:
            return known
        bare = iri[len(DEFAULT) :]
        if iri.startswith(DEFAULT) and bare and ":" not in bare and bare not in self._iris:
            return bare
        best = iri
        for prefix, base in self._prefixes.items():
            candidate = f"{prefix}:{iri[len(base) :]}"
            if iri.startswith(base) and len(iri) > len(base) and len(candidate) < len(best):
                best = candidate if candidate not in self._iris and not iri[len(base) :].startswith("//") else best
        return best


class Contexts:
    """All contexts that this node knows, compiled when first used and kept by the hash of what was said."""

    def __init__(self, vocab: Vocab, files: Mapping[str, Path], *, default: str) -> None:
        """Know the core's, ours and those in `files` (URL -> file). `default` = "linli" or "core": without a word."""
        self._documents: dict[str, Any] = {CONTEXT_URL: vocab.context()}
        self._files = dict(files)
        self._compiled: dict[bytes, Terms] = {}
        self.default = self.of(CONTEXT_URL if default == "linli" else CORE_CONTEXT_URL)

    async def ready(self, said: Any, tenant: str = "default") -> None:
        """Return when all is here that `of` needs for what was said."""

    def of(self, said: Any, tenant: str = "default") -> Terms:
        """Return the compiled form of what stands under @context, or of the URL in a Link header.

        Raises: BadRequestData: not a context, or one with scoped contexts. LdContextNotAvailable: a URL not known here.
        """
        key = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
        known = self._compiled.pop(key, None)
        if known is None:
            if len(key) > CONTEXT_BYTES_MAX:
                raise BadRequestData(f"@context: at most {CONTEXT_BYTES_MAX} bytes.")
            known = self._compile(said)
            if len(self._compiled) >= CONTEXTS_KEPT:
                self._compiled.pop(next(iter(self._compiled)))
        self._compiled[key] = known
        return known

    def _compile(self, said: Any) -> Terms:
        definitions: dict[str, Any] = {}
        self._gather(said, definitions, 0)
        iris: dict[str, str] = {}
        for term in definitions:
            _resolve(term, definitions, iris, ())
        prefixes = {
            term: iri
            for term, iri in iris.items()
            if iri[-1:] in _PREFIX_END
            and (isinstance(definitions[term][0], str) or definitions[term][0].get("@prefix") is True)
        }
        return Terms(iris, prefixes, said)

    def _gather(self, said: Any, definitions: dict[str, Any], depth: int) -> None:
        """Put (definition, @vocab) of every term into `definitions`, the later context winning."""
        if depth > CONTEXTS_NESTED_MAX:
            raise BadRequestData(f"@context: nested deeper than {CONTEXTS_NESTED_MAX} contexts.")
        if isinstance(said, str):
            if not _CORE_URL.fullmatch(said):
                self._gather(self._document(said), definitions, depth + 1)
        elif isinstance(said, list):
            for part in said:
                self._gather(part, definitions, depth + 1)
        elif isinstance(said, dict):
            if "@import" in said:
                raise LdContextNotAvailable("@context: @import is never followed.")
            vocab = said.get("@vocab")
            base = vocab if isinstance(vocab, str) and ":" in vocab else DEFAULT
            for term, definition in said.items():
                if not term.startswith("@") and definition is not None:
                    definitions[term] = (_checked(term, definition), base)
        else:
            raise BadRequestData("@context: must be a URL, an object, or a list of these.")

    def _document(self, url: str) -> Any:
        document = self._documents.get(url)
        if document is None:
            file = self._files.get(url)
            if file is None:
                raise LdContextNotAvailable
            document = self._documents[url] = _read(file)
        if not isinstance(document, dict) or "@context" not in document:
            raise BadRequestData("@context: what stands under this URL is not a context.")
        return document["@context"]


def _read(file: Path) -> Any:
    try:
        content = file.read_bytes()
        if len(content) > CONTEXT_BYTES_MAX:
            raise LdContextNotAvailable(f"@context: the file is larger than {CONTEXT_BYTES_MAX} bytes.")
        return orjson.loads(content)
    except (OSError, orjson.JSONDecodeError) as error:
        raise LdContextNotAvailable("@context: the file of this URL cannot be read.") from error


def _checked(term: str, definition: Any) -> Any:
    if isinstance(definition, str):
        return definition
    if not isinstance(definition, dict):
        raise BadRequestData(f"@context: {term[:100]} must be an IRI or an object.")
    if "@context" in definition:
        raise BadRequestData(f"@context: {term[:100]} has a context of its own; NGSI-LD allows none.")
    if not isinstance(definition.get("@id", ""), str):
        raise BadRequestData(f"@context: {term[:100]}: @id must be an IRI.")
    return definition


def _resolve(term: str, definitions: Mapping[str, Any], iris: dict[str, str], above: tuple[str, ...]) -> str | None:
    """Return the IRI of a defined term, resolving the terms it is built from; None for an alias of a keyword."""
    if term in iris:
        return iris[term]
    if term in above or len(above) > CONTEXTS_NESTED_MAX:
        raise BadRequestData(f"@context: {term[:100]} is defined by itself.")
    definition, base = definitions[term]
    said = definition if isinstance(definition, str) else definition.get("@id", term)
    if said.startswith("@"):
        return None
    prefix, colon, suffix = said.partition(":")
    if said != term and not colon and said in definitions:
        iri = _resolve(said, definitions, iris, (*above, term))
    elif colon and not suffix.startswith("//") and prefix in definitions and said != term:
        start = _resolve(prefix, definitions, iris, (*above, term))
        iri = None if start is None else start + suffix
    else:
        iri = said if colon else base + said
    if iri is not None:
        iris[term] = iri
    return iri


def _keep(kept: dict[str, str], key: str, value: str) -> None:
    if len(kept) >= _NAMES_KEPT:
        kept.clear()
    kept[key] = value
