"""Purging: taking away all entities that fit a query, or some attributes of them."""

from __future__ import annotations

from collections.abc import Sequence

from linli.base.errors import BadRequestData, LinliError, NotAllowed, ResourceNotFound
from linli.store import Delete
from linli.trust import Act, Decision

from ._batches import Batch, BatchDoor
from ._changing import Standing
from ._narrow import types_of
from ._projection import Projection
from ._query import Query
from ._reading import Watch, fits
from ._terms import Terms
from ._writing import stripped

#: how many entities one commit of a purge takes
PURGED_AT_ONCE = 250


class PurgeDoor(BatchDoor):
    """Takes away what a query finds."""

    async def purge(
        self,
        act: Act,
        query: Query,
        terms: Terms,
        projection: Projection,
        *,
        drop: frozenset[str] = frozenset(),
        keep: frozenset[str] | None = None,
        among: Sequence[str] | None = None,
    ) -> Batch:
        """Remove the entities that fit; with `drop` or `keep` only these attributes, or all but these.

        `among`: ids of the only candidates. `projection`: which attributes an entity must have one of. What `act` may not
        change stays, and is named.
        Raises: BadRequestData: the query looks beyond relationships.
        """
        if query.hops:
            raise BadRequestData("q: a purge cannot look beyond relationships.")
        self._sight.check_purpose(act)
        self._sight.check_filter(act, query.names(), types_of(query))
        batch = Batch()
        waiting: list[str] = []
        whole = keep is None and not drop
        async for hit in self._wanted(act, query, terms, projection, Watch(among=among)):
            waiting.append(hit.stored.entity_id)
            if len(waiting) == PURGED_AT_ONCE:
                await self._purge(act, query, waiting, batch, None if whole else (drop, keep))
                waiting = []
        if waiting:
            await self._purge(act, query, waiting, batch, None if whole else (drop, keep))
        return batch

    # inside

    async def _purge(
        self,
        act: Act,
        query: Query,
        ids: Sequence[str],
        batch: Batch,
        parts: tuple[frozenset[str], frozenset[str] | None] | None,
    ) -> None:
        """Purge entities that fitted, those that still do, in one commit. `parts`: (drop, keep), or None = whole."""

        async def attempt() -> None:
            deletes: list[Delete] = []
            standing: list[Standing] = []
            decisions: list[Decision] = []
            errors: list[tuple[str, LinliError]] = []
            for entity_id in ids:
                try:
                    stored, doc = await self._met(act, entity_id, None)
                    if not fits(query, doc, stored):
                        continue
                    if parts is None:
                        decision = self._allowed(act, "delete", self._sight.thing(doc))
                        deletes.append(Delete(entity_id, stored.version))
                        decisions.append(decision)
                        continue
                    drop, keep = parts
                    outcome = stripped(doc, drop if keep is None else doc["attrs"].keys() - keep)
                    if outcome.changed:
                        standing.append(self._ruled(act, (stored, doc), outcome, "change"))
                except ResourceNotFound:
                    continue
                except (NotAllowed, BadRequestData) as error:
                    errors.append((entity_id, error))
            if deletes:
                records = await self._pasts_of(act.tenant, deletes)
                await self._commit(self._change(act, *decisions, deletes=tuple(deletes), records=records))
            if standing:
                await self._write(act, standing)
            batch.changed.extend([one.entity_id for one in deletes] + [one.doc["id"] for one in standing])
            batch.errors.extend(errors)

        async with self._in_line(act.tenant, ids):
            await self._tried(attempt)
