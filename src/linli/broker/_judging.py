"""Judges whom a write concerns, and writes what he is told: on the entity exactly as that write left it.

The entity before and after a write is remembered for a while; later it is rebuilt from what stands and from history, and
of a deleted entity from its farewell. A subscriber is judged and told within what he may see: what is hidden from him
pulls no trigger and stands in no notification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from linli.store import LogRow, Stored

from ._auditing import Looks
from ._evaluate import Judged, wanted
from ._facts import SCOPE, is_first
from ._identity import IdentityDoor
from ._joining import joined, reached
from ._matching import Event, fires
from ._noticing import changed_entity, deleted_entity, letter
from ._plain import Doc, alive, decoded
from ._query import paths
from ._recent import FAREWELL, Image, Key, farewell_image
from ._render import rendered
from ._sight import Seen
from ._subscription import JSON, Subscription, View
from ._subscriptions import SubscriptionDoor
from ._telling import Job


class JudgingDoor(SubscriptionDoor, IdentityDoor):
    """Knows what a write did, whom that concerns, and what he is told."""

    async def image(self, row: LogRow) -> Image | None:
        """Return the entity before and after a write, while that is remembered or, of a deleted one, kept."""
        image = self.changes.image(Key.of(row))
        return await self._farewell(row) if image is None and row.kind == "delete" else image

    async def _farewell(self, row: LogRow) -> Image | None:
        kept = await self._store.record(row.tenant, FAREWELL, Key.of(row).record_id)
        return None if kept is None else farewell_image(kept)

    async def row_types(self, row: LogRow, image: Image | None) -> tuple[str, ...]:
        """Return the types of the entity that a row is about, by short name."""
        if image is not None:
            return image.types
        stored = None if row.kind == "delete" else await self._store.get(row.tenant, row.entity_id)
        return (row.type,) if stored is None else stored.types

    async def event(self, row: LogRow, image: Image | None) -> Event | None:
        """Return a write with the entity before and after it; None when nobody can know it any more."""
        attrs = frozenset(self._names.inner(name) for name in row.attrs if name != "scope")
        if image is None:
            return await self._rebuilt(row, attrs)
        before: Doc | None = orjson.loads(image.before) if image.before else None
        after: Doc | None = orjson.loads(image.after) if image.after else None
        return self._living(Event(row, before, after, image.created_us, image.modified_before_us, attrs, image.way))

    async def concerns(self, subscription: Subscription, event: Event) -> bool:
        """Tell whether a subscriber is to be told of a write: trigger pulled, filters fit, and it is his to see."""
        if not subscription.works(event.row.at_us) or not fires(subscription, event):
            return False
        seen = self._seen_by(subscription.view, event, event.doc)
        if seen is None:
            return False
        as_seen = self._as_seen(subscription.view, event)
        if as_seen is not event and not fires(subscription, as_seen):
            return False
        query = subscription.query
        judged = Judged(seen.judged, event.created_us, event.modified_us)
        through = [path for path in paths(query.q) if path.beyond is not None]
        linked = await reached(judged, through, self._fetching(subscription)) if through else {}
        return wanted(query, *judged, linked)

    async def written(self, subscription: Subscription, jobs: list[Job]) -> dict[str, Any] | None:
        """Write the notification about some writes; without any, about all entities that the subscription means."""
        now_us, looks = self._clock.now_us(), Looks(subscription.act)
        if not jobs:
            data = await self._all_meant(subscription, looks)
            mark = f"t{now_us}"
        else:
            events = {entity_id: event for job in jobs for entity_id, event in job.news.items()}
            data = await self._told(subscription, list(events.values()), looks)
            mark = str(jobs[-1].seq)
        if not data:
            return None
        await self.shown(looks, "notify", subscription.lately)
        return letter(subscription, mark, now_us, data)

    # inside

    async def _rebuilt(self, row: LogRow, attrs: frozenset[str]) -> Event | None:
        """Return a write whose images are gone from memory, from what stands and from history.

        Types are those of today: history does not keep them. Of an entity that was deleted since, its farewell is left.
        """
        stored = await self._store.get(row.tenant, row.entity_id)
        if row.kind == "delete":
            scopes = [row.scope] if row.scope else []
            doc = {"id": row.entity_id, "type": [self._names.inner(row.type)], "scope": scopes, "attrs": {}}
            return Event(row, doc, None, row.at_us, row.at_us, attrs)
        if stored is None or stored.created_seq > row.seq:
            farewell = await self._farewell(row)
            return None if farewell is None else await self.event(row, farewell)
        stands = stored.version == row.version
        after = decoded(stored) if stands else await self._as_of(row.tenant, stored, row.seq)
        before = None if row.kind == "create" else await self._as_of(row.tenant, stored, row.seq - 1)
        kept = None if before is None else orjson.dumps(before)
        image = Image(kept, orjson.dumps(after), stored.types, stored.created_us, row.at_us)
        self.changes.keep({Key.of(row): image})  # if the entity is deleted before this is told, its farewell holds it
        return self._living(Event(row, before, after, stored.created_us, row.at_us, attrs))

    async def _as_of(self, tenant: str, stored: Stored, seq: int) -> Doc:
        """Return an entity as a position of the log left it: what never changed, and history for the rest."""
        doc = decoded(stored)
        attrs: dict[str, list[Any]] = {
            name: kept
            for name, instances in doc["attrs"].items()
            if (kept := [one for one in instances if is_first(one)])
        }
        scopes = [] if "scopeAt" in doc else doc["scope"]
        for past in await self._store.as_of(tenant, stored.entity_id, seq):
            if past.fact.doc is None:
                continue
            instance = orjson.loads(past.fact.doc)
            if past.fact.attr == SCOPE:
                value = instance["value"]
                scopes = value if isinstance(value, list) else [value]
            else:
                attrs.setdefault(past.fact.attr, []).append(instance)
        return {**doc, "scope": scopes, "attrs": attrs}

    def _living(self, event: Event) -> Event | None:
        """Return an event without what has expired; None when the entity itself has."""
        if event.after is None:
            return event
        after = alive(event.after, self._clock.now_us())
        if after is None:
            return None
        event.after = after
        return event

    def _seen_by(self, view: View, event: Event, doc: Doc) -> Seen | None:
        """Return what a subscriber may see of an entity before or after a write; None when it is nothing."""
        key = (view, "after" if doc is event.after else "before", self._agreed(view))
        if key not in event.known:
            act = view.act
            decision = self._allow.always(act, "read") or self._allow.allows(act, "read", self._sight.thing(doc))
            event.known[key] = self._sight.seen(doc, decision, act, "apply") if decision.ok else None
        seen: Seen | None = event.known[key]
        return seen

    def _as_seen(self, view: View, event: Event) -> Event:
        """Return a write as far as a subscriber may see it: what is hidden pulls no trigger and is not told."""
        key = (view, "event", self._agreed(view))
        if key not in event.known:
            seen = [None if doc is None else self._seen_by(view, event, doc) for doc in (event.before, event.after)]
            before, after = (None if one is None else one.shown for one in seen)
            whole = before is event.before and after is event.after
            event.known[key] = event if whole else replace(event, before=before, after=after, known={})
        as_seen: Event = event.known[key]
        return as_seen

    def _agreed(self, view: View) -> int:
        """Return what moves whenever anybody says what his data may be used for: what was found out before is stale."""
        return self.persons.consents.generation(view.act.tenant, view.act.purpose)

    def _fetching(self, subscription: Subscription, looks: Looks | None = None) -> Any:
        """Return what fetches linked entities; `looks`: takes in what they show, where they are told."""

        async def fetch(ids: list[str]) -> Mapping[str, Judged]:
            act = subscription.act
            found = await self._looked_up(act, ids)
            for hit in found:
                if looks is not None and (opened := frozenset(self._seen(act, hit).opened.values())):
                    self._take_look(looks, hit, opened)
            return {
                hit.stored.entity_id: Judged(self._seen(act, hit).shown, hit.stored.created_us, hit.stored.modified_us)
                for hit in found
            }

        return fetch

    async def _told(self, subscription: Subscription, events: list[Event], looks: Looks) -> list[Any]:
        """Return the entities of some writes as the subscriber gets them."""
        data: list[Any] = []
        roots: list[Judged] = []
        for event in events:
            seen = self._as_seen(subscription.view, event)
            if seen is not event and not fires(subscription, seen):
                continue  # somebody withdrew his consent since it was judged
            if event.after is None:
                gone = None if seen.before is None else deleted_entity(subscription, seen, seen.before)
                data += [] if gone is None else [gone]
            elif seen.after is not None:
                doc = changed_entity(subscription, seen, seen.before, seen.after)
                root = Judged(doc, event.created_us, event.modified_us)
                if not subscription.projection.fits(doc):
                    continue
                self._look_at(looks, subscription, event)
                if doc is seen.after and subscription.join is None and subscription.endpoint.accept == JSON:
                    data.append(_written_out(subscription, seen, root))
                else:
                    roots.append(root)
        return data + await self._rendered_all(subscription, roots, looks)

    def _look_at(self, looks: Looks, subscription: Subscription, event: Event) -> None:
        """Take in what a subscriber is shown of persons by being told of a write."""
        seen = self._seen_by(subscription.view, event, event.doc)
        opened = seen.classes(subscription.projection.tells) if seen is not None else None
        if opened:
            doc = event.doc
            looks.add(
                doc["id"],
                map(self._names.short, doc["type"]),
                doc["scope"],
                persons=self.persons.whose(doc).subjects,
                classes=opened,
                policy=self._decided(subscription.act, "read", doc).policy,
            )

    async def _all_meant(self, subscription: Subscription, looks: Looks) -> list[dict[str, Any]]:
        """Return every entity that a subscription means, up to a page."""
        act, roots = subscription.act, []
        async for hit in self._wanted(act, subscription.query, subscription.terms, subscription.projection):
            stored = hit.stored
            roots.append(Judged(self._seen(act, hit).shown, stored.created_us, stored.modified_us))
            if opened := self._seen(act, hit).classes(subscription.projection.tells):
                self._take_look(looks, hit, opened)
            if len(roots) >= self.caps.page_entities:
                break
        return await self._rendered_all(subscription, roots, looks)

    async def _rendered_all(
        self, subscription: Subscription, roots: list[Judged], looks: Looks
    ) -> list[dict[str, Any]]:
        terms, projection = subscription.terms, subscription.projection
        if subscription.join is None or not roots:
            return [rendered(*root, terms, projection) for root in roots]
        return await joined(roots, projection, subscription.join, terms, self._fetching(subscription, looks))


def _written_out(subscription: Subscription, event: Event, root: Judged) -> orjson.Fragment:
    """Return an entity as JSON, the same for all who want it in the same form."""
    view = subscription.view
    if view not in event.known:
        event.known[view] = orjson.Fragment(orjson.dumps(rendered(*root, view.terms, view.projection)))
    written: orjson.Fragment = event.known[view]
    return written
