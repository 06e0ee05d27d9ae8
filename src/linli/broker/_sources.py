"""The door to context source registrations: register, change, remove, find. Nothing is forwarded here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import orjson

from linli.base.errors import BadRequestData, Conflict, NotAllowed, ResourceNotFound
from linli.store import DropRecord, Find, PutRecord, Record
from linli.trust import Act, Thing, Verb

from ._ground import PAGE, Ground
from ._plain import decoded
from ._source_form import TYPE, Piece, Source, check_whole, expires_us, merged, mode_of, read_members, rendered_source
from ._source_matching import SourceQuery, holds_entity, in_the_way, pieces_wanted
from ._source_words import ALONE
from ._spelling import checked_id
from ._terms import Terms

SOURCE = "source"


class Registered(NamedTuple):
    """A registration as it stands, and the pieces of its information that were asked for."""

    source: Source
    record: Record
    pieces: Sequence[Piece]


class SourcePage(NamedTuple):
    """One page of registrations. `more`: there are further ones; `total`: how many in all, when that was asked."""

    sources: list[dict[str, Any]]
    more: bool
    total: int | None = None


class SourceDoor(Ground):
    """Keeps what other brokers and sources say they hold."""

    async def register_source(self, act: Act, body: Any, terms: Terms) -> str:
        """Register a source; return the registration's id.

        Raises: NotAllowed, BadRequestData, AlreadyExists. Conflict: another source, or an entity here, has what this
        one wants for itself.
        """
        self._check_source(act, "create")
        now_us = self._clock.now_us()
        source = merged({"own": {}}, read_members(body, terms))
        if body.get("type", body.get("@type")) is None:
            raise BadRequestData(f"type: must be {TYPE}.")
        said_id = body.get("id", body.get("@id"))
        source_id = self.ids.new(TYPE, now_us) if said_id is None else checked_id(said_id)
        source = {"id": source_id, **source}
        check_whole(source, now_us)
        record = await self._store.record(act.tenant, SOURCE, source_id)
        stands = record is None or expires_us(orjson.loads(record.doc)) > now_us
        await self._check_alone(act, source)
        version = 0 if record is None or stands else record.version
        await self._store.commit(self._change(act, records=(_put(source, version),)))
        return source_id

    async def change_source(self, act: Act, source_id: str, body: Any, terms: Terms) -> None:
        """Change a registration: each member that is named is replaced, or goes when it is null.

        Raises: NotAllowed, ResourceNotFound, BadRequestData. Conflict: as `register_source`.
        """
        self._check_source(act, "change")

        async def attempt() -> None:
            before = await self._registered(act.tenant, source_id)
            source = merged(before.source, read_members(body, terms))
            check_whole(source, self._clock.now_us())
            await self._check_alone(act, source)
            await self._commit(self._change(act, records=(_put(source, before.record.version),)))

        await self._tried(attempt)

    async def remove_source(self, act: Act, source_id: str) -> None:
        """Remove a registration. Raises: NotAllowed, ResourceNotFound."""
        self._check_source(act, "delete")
        await self._registered(act.tenant, source_id)
        await self._store.commit(self._change(act, records=(DropRecord(SOURCE, source_id),)))

    async def get_source(self, act: Act, source_id: str, terms: Terms, *, sys_attrs: bool = False) -> dict[str, Any]:
        """Return a registration as the wire wants it. Raises: NotAllowed, ResourceNotFound."""
        self._check_source(act, "read")
        found = await self._registered(act.tenant, source_id)
        return _rendered(found, terms, sys_attrs=sys_attrs)

    async def find_sources(
        self,
        act: Act,
        query: SourceQuery,
        terms: Terms,
        *,
        limit: int,
        offset: int = 0,
        count: bool = False,
        sys_attrs: bool = False,
    ) -> SourcePage:
        """Return a page of the registrations that a query means, in the order in which they came. Raises: NotAllowed."""
        self._check_source(act, "list")
        sources: list[dict[str, Any]] = []
        met = 0
        async for found in self.sources_wanted(act.tenant, query):
            if offset <= met < offset + limit:
                sources.append(_rendered(found, terms, sys_attrs=sys_attrs))
            met += 1
            if met > offset + limit and not count:
                break
        return SourcePage(sources, met > offset + limit, met if count else None)

    async def sources_wanted(self, tenant: str, query: SourceQuery) -> AsyncIterator[Registered]:
        """Yield the registrations of a tenant that a query means and that have not ended."""
        async for source, record in self._standing(tenant):
            pieces = pieces_wanted(source, query, record.created_us, record.modified_us)
            if pieces:
                yield Registered(source, record, pieces)

    # inside

    def _check_source(self, act: Act, verb: Verb) -> None:
        if not self._allow.allows(act, verb, Thing(TYPE)).ok:
            raise NotAllowed

    async def _registered(self, tenant: str, source_id: str) -> Registered:
        record = await self._store.record(tenant, SOURCE, source_id)
        source: Source = {} if record is None else orjson.loads(record.doc)
        if record is None or expires_us(source) <= self._clock.now_us():
            raise ResourceNotFound("There is no such registration here.")
        return Registered(source, record, source["information"])

    async def _standing(self, tenant: str) -> AsyncIterator[tuple[Source, Record]]:
        now_us = self._clock.now_us()
        after = 0
        while True:
            page = await self._store.records(tenant, SOURCE, after=after, limit=PAGE)
            for record in page:
                source: Source = orjson.loads(record.doc)
                if expires_us(source) > now_us:
                    yield source, record
            if len(page) < PAGE:
                return
            after = page[-1].row

    async def _check_alone(self, act: Act, source: Source) -> None:
        """Check that a source that wants something for itself is the only one to have it (4.3.6)."""
        mode = mode_of(source)
        if mode not in ALONE:
            return
        async for other, _ in self._standing(act.tenant):
            rivals = {mode, mode_of(other)}
            if other["id"] != source["id"] and rivals <= ALONE and "exclusive" in rivals and in_the_way(source, other):
                raise Conflict("Another source has these attributes of these entities for itself.")
        for piece in source["information"]:
            await self._check_no_entity(act, piece)

    async def _check_no_entity(self, act: Act, piece: Piece) -> None:
        for selector in piece.get("entities", ({},)):
            find = Find(
                types=tuple(map(self._names.short, selector.get("type", ()))),
                ids=(selector["id"],) if "id" in selector else (),
            )
            async for stored in self._candidates(act.tenant, find):
                if holds_entity(piece, decoded(stored)):
                    raise Conflict("An entity that stands here already has what this source wants for itself.")


def _put(source: Source, version: int) -> PutRecord:
    return PutRecord(SOURCE, source["id"], orjson.dumps(source), expect_version=version)


def _rendered(found: Registered, terms: Terms, *, sys_attrs: bool) -> dict[str, Any]:
    source, record, _ = found
    return rendered_source(source, terms, record.created_us, record.modified_us, sys_attrs=sys_attrs)
