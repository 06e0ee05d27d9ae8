"""The term engine: a @context compiled once into dictionaries from terms to names and back.

A name is how it stands in documents (see `_names`). The core @context comes last and wins, as NGSI-LD wants it: its
terms cannot be redefined and its @vocab expands every term that no context knows. What a definition says about values
(@type, @container) is checked but changes no name: NGSI-LD says the kind of a value in the attribute itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urljoin

import orjson

from linli.base.errors import BadRequestData, LdContextNotAvailable
from linli.vocab import CORE_CONTEXT_URL, vocabulary

from ._caps import CAPS
from ._core_context import NEWEST, core_document, core_version
from ._names import DEFAULT, full_name, inner_name

CONTEXTS_JOINED_MAX = 64
TERMS_MAX = 50_000
IRI_LETTERS_MAX = 2048
_NAMES_KEPT = 4096
_NAME_LETTERS_KEPT = 256
_PREFIX_END = frozenset(":/?#[]@")
_MEMBERS = {"@id": "id", "@type": "type"}
_VALUES = frozenset({"value", "valueList", "json", "languageMap", "vocab", "object", "objectList", "@context"})
_KEYWORDS = frozenset({"@id", "@type", "@value", "@list", "@set", "@language", "@graph", "@json", "@none"})
#: coercions and containers that leave a term free to name what NGSI-LD says with an object of its own
_FREE = frozenset({None, "@id", "@none", "@set"})


class Terms:
    """One compiled @context: expands terms into names and compacts names into terms."""

    def __init__(self, read: Reading, source: Any) -> None:
        """Take what was read; `source` is what stands as @context in an answer."""
        core = _core()
        self.source = source
        self.link = source if isinstance(source, str) else None
        #: whether a version of the core stands in it already
        self.has_core = any(core_version(url) is not None for url in read.urls)
        #: terms that stand for a keyword of JSON-LD, like id for @id
        self.aliases: Mapping[str, str] = {**read.aliases, **core.aliases}
        #: of these, what the user calls id and type
        self._members = {
            term: _MEMBERS[keyword]
            for term, keyword in self.aliases.items()
            if keyword in _MEMBERS and term not in core.aliases
        }
        self._iris = {**read.iris, **core.iris}
        self._prefixes = {**read.prefixes, **core.prefixes}
        bound = read.bound | core.bound
        self._terms: dict[str, str] = {}
        for term in sorted(self._iris, key=lambda term: (term in bound, len(term), term)):
            self._terms.setdefault(self._iris[term], term)
        self._bases: dict[str, str] = {}
        for prefix in sorted(self._prefixes, key=lambda prefix: (len(prefix), prefix)):
            self._bases.setdefault(self._prefixes[prefix], prefix)
        said = orjson.dumps([source, self._iris], option=orjson.OPT_SORT_KEYS)
        #: the same for the same meaning: a context that was loaded anew with other content has another key
        self.key = hashlib.blake2b(said, digest_size=16).digest()
        self._inner: dict[str, str] = {}
        self._short: dict[str, str] = {}
        #: terms that were found fit to name an attribute -> the name in documents
        self.attributes: dict[str, str] = {}

    @property
    def size(self) -> int:
        """How many terms there are."""
        return len(self._iris)

    def name(self, term: str) -> str:
        """Return the name in documents of a term, a compact IRI or an IRI."""
        known = self._inner.get(term)
        if known is None:
            known = inner_name(self.iri(term))
            _keep(self._inner, term, known)
        return known

    def plain(self, body: Any) -> Any:
        """Return an entity, or a part of one, with the members id and type where the context has other words for them."""
        return _renamed(body, self._members) if self._members else body

    def keep_attribute(self, term: str, name: str) -> None:
        """Remember that a term may name an attribute, and which."""
        _keep(self.attributes, term, name)

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
        """Return how a VocabProperty's value stands in documents: a term of our own @context, else an IRI.

        So a code of ours stands as it is said even where an attribute is called so (ebike, owner, key).
        """
        iri = self.iri(term)
        said = vocab_word(iri)
        return iri if ":" in said else said

    def vocab_term(self, value: str) -> str:
        """Return a VocabProperty's value in this context."""
        return self._compacted(vocab_iri(value))

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
        compact = [
            f"{prefix}:{iri[cut:]}"
            for cut in range(1, len(iri))
            if (prefix := self._bases.get(iri[:cut])) is not None and not iri.startswith("//", cut)
        ]
        return min((one for one in compact if one not in self._iris), key=lambda one: (len(one), one), default=iri)


class Reading:
    """One way through what stands under @context, from its first word to its last: the later definition wins."""

    def __init__(
        self, document_of: Callable[[str], Any], before: Reading | None = None, nested_max: int = CAPS.contexts_nested
    ) -> None:
        """Begin with nothing, or where another reading ended. `document_of` returns the document under a URL."""
        self.iris: dict[str, str] = dict(before.iris) if before else {}
        self.prefixes: dict[str, str] = dict(before.prefixes) if before else {}
        self.aliases: dict[str, str] = dict(before.aliases) if before else {}
        #: terms that JSON-LD would not choose for what NGSI-LD says with an object
        self.bound: set[str] = set(before.bound) if before else set()
        #: the URLs that were met, in order
        self.urls: dict[str, None] = {}
        self._document_of = document_of
        self._vocab = DEFAULT
        self._joined = 0
        self._nested_max = nested_max

    def take(self, said: Any, above: tuple[str, ...] = (), depth: int = 0) -> None:
        """Read what stands under @context, or a part of it.

        Raises: BadRequestData: not a context, or one that is not allowed. LdContextNotAvailable: by `document_of`.
        """
        if depth > self._nested_max:
            raise BadRequestData(f"@context: nested deeper than {self._nested_max} contexts.")
        if isinstance(said, str):
            self._take_url(said, above, depth)
        elif isinstance(said, list):
            for part in said:
                self.take(part, above, depth + 1)
        elif isinstance(said, dict):
            self._define(said)
        else:
            raise BadRequestData("@context: must be a URL, an object, or a list of these.")

    def take_core(self, version: int = NEWEST) -> None:
        """Read a version of the core @context: the only one whose terms may have a context of their own."""
        self._define(_inside(core_document(version)), core=True)

    def _take_url(self, url: str, above: tuple[str, ...], depth: int) -> None:
        if not url.strip():
            raise BadRequestData("@context: an empty text is not the URL of a context.")
        if above:
            url = urljoin(above[-1], url)
        if url in above:
            raise BadRequestData("@context: a context stands inside itself.")
        self._joined += 1
        if self._joined > CONTEXTS_JOINED_MAX:
            raise BadRequestData(f"@context: joined from more than {CONTEXTS_JOINED_MAX} contexts.")
        self.urls[url] = None
        version = core_version(url)
        if version is None:
            self.take(_inside(self._document_of(url)), (*above, url), depth + 1)
        elif url != CORE_CONTEXT_URL:  # the newest one is there from the beginning, and once more at the end
            self.take_core(version)

    def _define(self, said: Mapping[str, Any], *, core: bool = False) -> None:
        if "@import" in said:
            raise LdContextNotAvailable("@context: @import is never followed.")
        vocab = said.get("@vocab", self._vocab)
        if isinstance(vocab, str) and ":" in vocab:
            self._vocab = _not_too_long("@vocab", self._absolute(vocab))
        elif vocab is None:
            self._vocab = DEFAULT
        local = {term: _checked(term, one, core=core) for term, one in said.items() if not term.startswith("@")}
        if len(self.iris) + len(local) > TERMS_MAX:
            raise BadRequestData(f"@context: defines more than {TERMS_MAX} terms.")
        done: set[str] = set()
        for term in local:
            self._resolve(term, local, done, ())

    def _resolve(self, term: str, local: Mapping[str, Any], done: set[str], above: tuple[str, ...]) -> None:
        """Define one term, after the terms of the same object that it is built from."""
        if term in done:
            return
        if term in above or len(above) > self._nested_max:
            raise BadRequestData(f"@context: {term[:100]} is defined by itself.")
        for known in (self.iris, self.prefixes, self.aliases):
            known.pop(term, None)
        self.bound.discard(term)
        definition = local[term]
        said = definition if isinstance(definition, str) else definition.get("@id", term)
        if said is not None and "@reverse" not in definition:
            self._put(term, definition, self._meant(said, term, local, done, (*above, term)))
        done.add(term)

    def _put(self, term: str, definition: Any, iri: str) -> None:
        if iri.startswith("@"):
            if iri in _KEYWORDS:
                self.aliases[term] = iri
            return
        self.iris[term] = _not_too_long(term, iri)
        plain = isinstance(definition, str)
        says_prefix = iri[-1:] in _PREFIX_END if plain else definition.get("@prefix") is True
        if says_prefix and ":" not in term and "/" not in term:
            self.prefixes[term] = iri
        if not (plain or _FREE.issuperset((definition.get("@type"), *_containers(definition)))):
            self.bound.add(term)

    def _meant(self, said: str, term: str, local: Mapping[str, Any], done: set[str], above: tuple[str, ...]) -> str:
        """Return the IRI (or the keyword) that a definition names, resolving the terms it is built from."""
        if said.startswith("@"):
            return said
        prefix, colon, suffix = said.partition(":")
        if said != term:
            if said in local:
                self._resolve(said, local, done, above)
            known = self.iris.get(said) or self.aliases.get(said)
            if known is not None:
                return known
        if colon and prefix in local:
            self._resolve(prefix, local, done, above)
        if said == term and prefix in self.iris and not suffix.startswith("//"):
            return self.iris[prefix] + suffix  # a term that looks like a compact IRI: any term may be its prefix
        return self._absolute(said) if colon else self._vocab + said

    def _absolute(self, said: str) -> str:
        prefix, _, suffix = said.partition(":")
        base = None if suffix.startswith("//") else self.prefixes.get(prefix)
        return said if base is None else base + suffix


@cache
def _core() -> Reading:
    """Return what the core @context defines."""
    read = Reading(lambda _: {})
    read.take_core()
    return read


def compiled(
    said: Any, document_of: Callable[[str], Any], nested_max: int = CAPS.contexts_nested
) -> tuple[Terms, list[str]]:
    """Return the terms of what stands under @context, and the URLs that it was joined from.

    Raises: BadRequestData: not a context. LdContextNotAvailable: by `document_of`, for a URL that is not known.
    """
    read = Reading(document_of, _core(), nested_max)
    read.take(said)
    return Terms(read, said), list(read.urls)


@cache
def core_terms() -> Terms:
    """Return the terms of the core @context alone."""
    return compiled(CORE_CONTEXT_URL, lambda _: {})[0]


@cache
def _own_terms() -> Terms:
    """Return the terms of our own @context."""
    return compiled(vocabulary().context()["@context"], lambda _: {})[0]


@cache
def coded_names() -> frozenset[str]:
    """Return the attributes (names in documents) whose values are codes of our vocabulary."""
    types = vocabulary().types.values()
    return frozenset(
        inner_name(one.iri) for entity in types for one in entity.attributes.values() if one.kind == "VocabProperty"
    )


def vocab_word(iri: str) -> str:
    """Return how a VocabProperty's value would stand in documents had it been said as one word."""
    return _own_terms().term(inner_name(iri))


def vocab_iri(value: str) -> str:
    """Return the IRI of a VocabProperty's value that stands in a document."""
    return value if ":" in value else _own_terms().iri(value)


def checked_context(said: Any) -> None:
    """Check the form of what stands under @context; what it names by URL is not looked at.

    Raises: BadRequestData.
    """
    Reading(lambda _: {"@context": {}}, _core()).take(said)


def _inside(document: Any) -> Any:
    if not isinstance(document, Mapping) or "@context" not in document:
        raise BadRequestData("@context: what stands under this URL is not a context.")
    return document["@context"]


def _not_too_long(term: str, iri: str) -> str:
    """Return an IRI that many small definitions did not pile up. Raises: BadRequestData."""
    if len(iri) > IRI_LETTERS_MAX:
        raise BadRequestData(f"@context: {term[:100]} stands for more than {IRI_LETTERS_MAX} letters.")
    return iri


def _containers(definition: Mapping[str, Any]) -> list[Any]:
    said = definition.get("@container")
    return said if isinstance(said, list) else [said]


def _checked(term: str, definition: Any, *, core: bool) -> Any:
    """Return a definition whose form is right; an empty one when it takes the term away."""
    if definition is None:
        return {"@id": None}
    if isinstance(definition, str):
        return definition
    if not isinstance(definition, Mapping):
        raise BadRequestData(f"@context: {term[:100]} must be an IRI or an object.")
    if "@context" in definition and not core:
        raise BadRequestData(f"@context: {term[:100]} has a context of its own; NGSI-LD allows none.")
    if not isinstance(definition.get("@id", ""), str | None):
        raise BadRequestData(f"@context: {term[:100]}: @id must be an IRI.")
    if not isinstance(definition.get("@type", ""), str):
        raise BadRequestData(f"@context: {term[:100]}: @type must be an IRI or a keyword.")
    if not all(isinstance(one, str | None) for one in _containers(definition)):
        raise BadRequestData(f"@context: {term[:100]}: @container must be a keyword or a list of keywords.")
    return definition


def _renamed(said: Any, members: Mapping[str, str]) -> Any:
    """Rename members at every level that NGSI-LD itself describes: values are left as they are."""
    if isinstance(said, list):
        return [_renamed(one, members) for one in said]
    if not isinstance(said, dict):
        return said
    return {members.get(key, key): one if key in _VALUES else _renamed(one, members) for key, one in said.items()}


def _keep(kept: dict[str, str], key: str, value: str) -> None:
    if len(kept) >= _NAMES_KEPT:
        kept.clear()
    if len(key) <= _NAME_LETTERS_KEPT:
        kept[key] = value
