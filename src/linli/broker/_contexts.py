"""Which @contexts this node knows: the core's, ours, those given as files, and what its tenants host or had fetched.

A context that a request names is made `ready` first (that may wait), then `of` returns its terms without waiting. What
is compiled is kept by what was said; what a tenant brought lies in the store as records of kind `context`. A context is
fetched only from hosts that the operator lists, in the background, and a request waits for it only as long as it may.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

import orjson
import structlog

from linli.base import Clock, read_json
from linli.base.errors import (
    BadRequestData,
    InvalidRequest,
    LdContextNotAvailable,
    LinliError,
    ResourceNotFound,
    TooLarge,
    Unreachable,
)
from linli.store import Change, DropRecord, PutRecord, Record, Store
from linli.vocab import CONTEXT_URL, CORE_CONTEXT_URL, Vocab

from ._caps import CAPS, Caps
from ._core_context import core_document, core_version
from ._terms import CONTEXTS_JOINED_MAX, Terms, checked_context, compiled

ContextKind = Literal["Hosted", "Cached", "ImplicitlyCreated"]

RECORD = "context"
PATH = "/ngsi-ld/v1/jsonldContexts/"
CONTEXTS_OF_TENANT_MAX = 1000
CONTEXTS_KEPT = 128
TERMS_KEPT = 400_000
USES_KEPT = 10_000
FETCHES_MAX = 16
RETRY_S = 5.0
_PAGE = 50
_OURS = re.compile(r"(?:https?://[^/?#]+)?" + PATH + r"([^/?#]+)")

_log = structlog.get_logger("broker")


class Got(Protocol):
    """What came back from the other side."""

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """Return the whole body."""
        ...


class Getter(Protocol):
    """Reads documents of others; the room egress does."""

    async def get(self, url: str, bytes_max: int) -> Got:
        """Return a document whole. Raises: Unreachable, BadRequestData: the URL is not allowed."""
        ...


@dataclass(frozen=True, slots=True)
class Fetching:
    """How contexts may be fetched: by what, from which hosts (host or host:port), how long a request waits for one."""

    getter: Getter | None = None
    hosts: frozenset[str] = frozenset()
    wait_s: float = 0.0

    def allows(self, url: str) -> bool:
        """Tell whether a context may be fetched from there."""
        try:
            parts = urlsplit(url)
            named = {parts.hostname or "", f"{parts.hostname}:{parts.port}"}
        except ValueError:
            return False
        return self.getter is not None and parts.scheme in ("http", "https") and not self.hosts.isdisjoint(named)


@dataclass(slots=True)
class Use:
    """How often a context was taken since this process began, and when last and first."""

    first_us: int
    hits: int = 0
    last_us: int | None = None

    def count(self, now_us: int) -> None:
        """Count one more."""
        self.hits += 1
        self.last_us = now_us


class Held(NamedTuple):
    """A context as it stands in a tenant. `url` is where it came from, or the path below which we serve it."""

    local_id: str
    url: str
    kind: ContextKind
    created_us: int
    document: Mapping[str, Any]


class Unknown(LdContextNotAvailable):
    """The @context is not known here and is never fetched inside a request."""

    def __init__(self, url: str) -> None:
        """Keep which one it is."""
        super().__init__()
        self.url = url


class Contexts:
    """All contexts that this node knows, compiled when first used and kept by what was said."""

    def __init__(
        self,
        vocab: Vocab,
        files: Mapping[str, Path],
        *,
        default: str,
        store: Store | None = None,
        clock: Clock | None = None,
        fetching: Fetching | None = None,
        caps: Caps = CAPS,
    ) -> None:
        """Know the core's, ours and those in `files` (URL -> file). `default` = "linli" or "core": without a word.

        Without `store` and `clock` nothing else is ever known.
        """
        self._fixed: dict[str, Any] = {CONTEXT_URL: vocab.context()}
        self._files = dict(files)
        self._store = store
        self._clock = clock
        self._fetching = fetching or Fetching()
        self._caps = caps
        self._compiled: dict[tuple[str, str | bytes], tuple[Terms, list[Use]]] = {}
        self._uses: dict[tuple[str, str], Use] = {}
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._failed: dict[tuple[str, str], tuple[float, LinliError]] = {}
        self.default = compiled(CONTEXT_URL if default == "linli" else CORE_CONTEXT_URL, self._document)[0]

    def of(self, said: Any, tenant: str = "default") -> Terms:
        """Return the compiled form of what stands under @context, or of the URL in a Link header.

        Raises: BadRequestData: not a context, or one with scoped contexts. LdContextNotAvailable: a URL not known here.
        """
        terms, uses = self._made(said, tenant, {})
        now_us = self._now_us()
        for use in uses:
            use.count(now_us)
        return terms

    async def ready(self, said: Any, tenant: str = "default") -> None:
        """Return when all is here that `of` needs for what was said, or when it will not come in time.

        Raises: BadRequestData: as `of`, for what only shows when all is here.
        """
        now_s = asyncio.get_running_loop().time()
        deadline_s = now_s + self._fetching.wait_s
        if self._failed:
            self._failed = {known: failed for known, failed in self._failed.items() if failed[0] > now_s}
        brought: dict[str, Held] = {}
        for _ in range(2 * CONTEXTS_JOINED_MAX):
            try:
                self._made(said, tenant, brought)
            except Unknown as unknown:
                url = unknown.url
            else:
                return
            held = await self._brought(tenant, url)
            if held is not None:
                brought[url] = held
            elif not await self._waited(tenant, url, deadline_s):
                return

    async def link(self, said: Any, tenant: str, base: str, actor: str) -> str:
        """Return one URL that stands for a context: its own, or that of a context created implicitly for it.

        `base`: scheme and host under which this node was called. Raises: BadRequestData: it is no context.
        """
        if isinstance(said, list) and len(said) == 1:
            said = said[0]
        if isinstance(said, str):
            return said
        document = orjson.dumps({"@context": said}, option=orjson.OPT_SORT_KEYS)
        local_id = "urn:ngsi-ld:Context:" + hashlib.blake2b(document, digest_size=16).hexdigest()
        if await self.stored(tenant, local_id) is None:
            checked_context(said)
            await self.keep(tenant, local_id, "ImplicitlyCreated", {"@context": said}, actor)
        return f"{base}{PATH}{local_id}"

    # what a tenant holds; who may ask is the door's business

    async def held(self, tenant: str) -> AsyncIterator[Held]:
        """Yield every context that stands in a tenant: what it hosts or had fetched, and what it used of the rest."""
        yield self._core_held()
        met = {CORE_CONTEXT_URL}
        after = 0
        while self._store is not None:
            page = await self._store.records(tenant, RECORD, after=after, limit=_PAGE)
            for record in page:
                met.add(record.record_id)
                yield _held(record)
            if len(page) < _PAGE:
                break
            after = page[-1].row
        for (whose, url), use in list(self._uses.items()):
            if whose == tenant and url not in met and self._knows(url):
                yield Held(url, url, "Cached", use.first_us, self._document(url))

    async def one(self, tenant: str, local_id: str) -> Held:
        """Return a context that stands in a tenant, by its id here or the URL that it came from.

        Raises: ResourceNotFound.
        """
        if local_id == CORE_CONTEXT_URL:
            return self._core_held()
        held = await self.stored(tenant, local_id)
        if held is not None:
            return held
        use = self._uses.get((tenant, local_id))
        if use is None or not self._knows(local_id):
            raise ResourceNotFound("There is no such @context here.")
        return Held(local_id, local_id, "Cached", use.first_us, self._document(local_id))

    def use(self, tenant: str, held: Held) -> Use:
        """Return how a context was used."""
        return self._use(tenant, held.local_id)

    async def keep(
        self, tenant: str, local_id: str, kind: ContextKind, document: Mapping[str, Any], actor: str
    ) -> None:
        """Store a context of a tenant; the fetched one that was used longest ago makes room.

        Raises: TooLarge. BadRequestData: the tenant itself brought too many.
        """
        if self._store is None:
            raise LdContextNotAvailable
        doc = orjson.dumps({"kind": kind, "@context": document["@context"]})
        if len(doc) > self._caps.context_bytes:
            raise TooLarge(f"@context: at most {self._caps.context_bytes} bytes.")
        held = [one async for one in self.held(tenant) if one.local_id != local_id]
        records: tuple[PutRecord | DropRecord, ...] = (PutRecord(RECORD, local_id, doc, quiet=kind == "Cached"),)
        if len(held) >= CONTEXTS_OF_TENANT_MAX:
            records = (self._room(tenant, held), *records)
        await self._store.commit(Change(tenant, actor, "operation", self._now_us(), records=records))
        self._forget(tenant)

    async def drop(self, tenant: str, local_id: str, actor: str) -> None:
        """Remove a context from a tenant: a hosted one is gone, a cached one comes back when it is used again.

        Raises: ResourceNotFound. BadRequestData: the core @context cannot go.
        """
        held = await self.one(tenant, local_id)
        if held.url == CORE_CONTEXT_URL:
            raise BadRequestData("The core @context always stands.")
        if self._store is not None and not self._knows(held.local_id):
            drop = DropRecord(RECORD, held.local_id)
            await self._store.commit(Change(tenant, actor, "operation", self._now_us(), records=(drop,)))
        self._uses.pop((tenant, held.local_id), None)
        self._forget(tenant)

    async def reload(self, tenant: str, held: Held, actor: str) -> None:
        """Load a cached context anew. Raises: LdContextNotAvailable: it cannot be had; the old one stays."""
        if held.url in self._files:
            self._fixed[held.url] = self._read(self._files[held.url])
        elif not self._knows(held.url):
            try:
                await self._fetch(tenant, held.url, actor)
            except BadRequestData as error:
                raise LdContextNotAvailable(error.message) from error
        self._forget(tenant)

    async def stored(self, tenant: str, local_id: str) -> Held | None:
        """Return a context that lies in the store."""
        record = None if self._store is None else await self._store.record(tenant, RECORD, local_id)
        return None if record is None else _held(record)

    # inside

    def _room(self, tenant: str, held: list[Held]) -> DropRecord:
        def last_us(one: Held) -> int:
            return self._use(tenant, one.local_id).last_us or 0

        fetched = [one for one in held if one.kind == "Cached" and not self._knows(one.url)]
        if not fetched:
            raise BadRequestData(f"At most {CONTEXTS_OF_TENANT_MAX} contexts can stand here; delete some.")
        return DropRecord(RECORD, min(fetched, key=last_us).local_id)

    def _made(self, said: Any, tenant: str, brought: Mapping[str, Held]) -> tuple[Terms, list[Use]]:
        key = (tenant, said if isinstance(said, str) else orjson.dumps(said, option=orjson.OPT_SORT_KEYS))
        known = self._compiled.pop(key, None)
        if known is None:
            if len(key[1]) > self._caps.context_bytes:
                raise BadRequestData(f"@context: at most {self._caps.context_bytes} bytes.")
            known = self._compile(said, tenant, brought)
            self._make_room(known[0].size)
        self._compiled[key] = known
        return known

    def _make_room(self, size: int) -> None:
        """Let go of what was not used for longest, so that neither many contexts nor large ones fill the memory."""
        kept = self._compiled
        size += sum(terms.size for terms, _ in kept.values())
        while kept and (len(kept) >= CONTEXTS_KEPT or size > TERMS_KEPT):
            size -= kept.pop(next(iter(kept)))[0].size

    def _compile(self, said: Any, tenant: str, brought: Mapping[str, Held]) -> tuple[Terms, list[Use]]:
        def document_of(url: str) -> Any:
            if url in brought:
                return brought[url].document
            failed = self._failed.get((tenant, url))
            if failed is not None:
                raise type(failed[1])(failed[1].message)
            return self._document(url)

        terms, urls = compiled(said, document_of, self._caps.contexts_nested)
        return terms, [self._use(tenant, brought[url].local_id if url in brought else url) for url in urls]

    def _document(self, url: str) -> Any:
        """Return a document that this node always knows. Raises: Unknown."""
        document = self._fixed.get(url)
        if document is None:
            version = core_version(url)
            file = self._files.get(url)
            if file is None and version is None:
                raise Unknown(url)
            document = self._fixed[url] = core_document(version) if file is None else self._read(file)
        return document

    def _knows(self, url: str) -> bool:
        return url in self._fixed or url in self._files or core_version(url) is not None

    def _core_held(self) -> Held:
        use = self._uses.get(("", CORE_CONTEXT_URL)) or self._use("", CORE_CONTEXT_URL)
        return Held(CORE_CONTEXT_URL, CORE_CONTEXT_URL, "Cached", use.first_us, self._document(CORE_CONTEXT_URL))

    def _use(self, tenant: str, local_id: str) -> Use:
        use = self._uses.get((tenant, local_id))
        if use is None:
            if len(self._uses) >= USES_KEPT:
                self._uses.pop(next(iter(self._uses)))
            use = self._uses[tenant, local_id] = Use(self._now_us())
        return use

    async def _brought(self, tenant: str, url: str) -> Held | None:
        """Return what a tenant holds under a URL: what it hosts here, or its copy of what stands there."""
        hosted = _OURS.fullmatch(url)
        held = await self.stored(tenant, unquote(hosted[1])) if hosted else None
        return held or await self.stored(tenant, url)

    async def _waited(self, tenant: str, url: str, deadline_s: float) -> bool:
        """Fetch a context in the background; tell whether that came to an end before the deadline."""
        if not self._fetching.allows(url):
            return False
        task = self._running.get((tenant, url))
        if task is None:
            if len(self._running) >= FETCHES_MAX:
                return False
            task = self._running[tenant, url] = asyncio.create_task(self._fetch_kept(tenant, url))
        now_s = asyncio.get_running_loop().time()
        done, _ = await asyncio.wait([task], timeout=max(0.0, deadline_s - now_s))
        return bool(done)

    async def _fetch_kept(self, tenant: str, url: str) -> None:
        """Fetch a context; what failed is remembered for a moment, so that nobody is asked in vain again and again."""
        try:
            await self._fetch(tenant, url, "engine:contexts")
        except LinliError as error:
            _log.info("broker.context.failed", url=url, why=error.message)
            self._failed[tenant, url] = (asyncio.get_running_loop().time() + RETRY_S, error)
        finally:
            del self._running[tenant, url]

    async def _fetch(self, tenant: str, url: str, actor: str) -> None:
        """Fetch a context and store it. Raises: LdContextNotAvailable. BadRequestData: what came is no context."""
        getter = self._fetching.getter
        if getter is None or not self._fetching.allows(url):
            raise LdContextNotAvailable
        try:
            got = await getter.get(url, self._caps.context_bytes)
        except (Unreachable, BadRequestData) as error:
            raise LdContextNotAvailable(f"@context: cannot be fetched: {error.message}") from error
        if got.status != 200:
            raise LdContextNotAvailable("@context: the other side did not answer 200.")
        await self.keep(tenant, url, "Cached", self._read_document(got.body), actor)

    def _read_document(self, body: bytes) -> dict[str, Any]:
        try:
            return checked_document(read_json(body, bytes_max=self._caps.context_bytes))
        except InvalidRequest as error:
            raise BadRequestData("@context: what stands under this URL is not JSON.") from error

    def _read(self, file: Path) -> Any:
        try:
            return read_json(file.read_bytes(), bytes_max=self._caps.context_bytes)
        except (OSError, InvalidRequest, TooLarge) as error:
            raise LdContextNotAvailable("@context: the file of this URL cannot be read.") from error

    def _forget(self, tenant: str) -> None:
        """Let go of what was compiled for a tenant: one of its contexts changed."""
        self._compiled = {key: known for key, known in self._compiled.items() if key[0] != tenant}

    def _now_us(self) -> int:
        return 0 if self._clock is None else self._clock.now_us()


def checked_document(document: Any) -> dict[str, Any]:
    """Return a context document alone, its own form checked; what it names by URL is looked at when it is used.

    Raises: BadRequestData.
    """
    if not isinstance(document, dict) or "@context" not in document:
        raise BadRequestData("@context: what stands under this URL is not a context.")
    checked_context(document["@context"])
    return {"@context": document["@context"]}


def _held(record: Record) -> Held:
    said = orjson.loads(record.doc)
    kind: ContextKind = said.pop("kind")
    url = record.record_id if kind == "Cached" else PATH + record.record_id
    return Held(record.record_id, url, kind, record.created_us, said)
