"""Circles: an engine that keeps, for every building, the services within an hour of it, as entities.

    log row -> Building, Place, Provider or Closure as it stands -> table -> circles that came out otherwise -> commit

The table of seconds is held in memory and made anew at every start from what stands in the store; then the log is read
on from the durable cursor. A service that changes is one search backwards from it on each network; a closure that
begins or ends makes all times anew. Only circles whose nearest services or times really changed are written.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence

import structlog

from linli.base import Clock, Settings, setting, to_wire_time
from linli.base.errors import BadRequestData, ResourceNotFound
from linli.broker import Broker, Draft, Plain
from linli.store import LogRow
from linli.travel import MODES, Mode, Network
from linli.trust import Act, Principal

from ._closing import Closing, closing_of, held
from ._spots import CIRCLE_MIN, Spot, Spots, circle_id, seconds_between, spot_of
from ._table import SECONDS_MAX, Reached, Table

NEAREST = setting("circle.nearest", 3, "How many services of each kind a building's circle names, the nearest first.")
LEFT_OUT = setting(
    "circle.left_out", ["residentialCompound", "other"], "Categories of places where there is nothing to be had."
)

READER = "circle"
ENGINE = Act(Principal("engine:circle", "engine", ("/",)), "operation")
FOLLOWED = frozenset({"Building", "Place", "Provider", "Closure"})
ROWS_MAX = 1000
WRITTEN_AT_ONCE = 100
SAVE_EVERY = 2000
BACKOFF_MAX_S = 5.0
#: rows of calls and positions come all the time and are not for this reader: they are passed over many at once
GATHER_S = 0.1

log = structlog.get_logger("insight")


class Circles:
    """Follows the log of one broker and keeps its circles. `turn` does what there is to do, `start` for ever."""

    def __init__(
        self, broker: Broker, network: Network, clock: Clock, *, nearest: int = 3, left_out: Sequence[str] = ()
    ) -> None:
        """Join a broker to a street network; nothing runs yet."""
        self._broker = broker
        self._network = network
        self._clock = clock
        self._nearest = nearest
        self._left_out = frozenset(left_out)
        self._turning = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._filled = False
        self._seq = self._saved = 0
        self._forget()

    @classmethod
    def of(cls, settings: Settings, broker: Broker, network: Network, clock: Clock) -> Circles:
        """Build it as the settings say."""
        return cls(broker, network, clock, nearest=settings[NEAREST], left_out=settings[LEFT_OUT])

    # running

    async def start(self) -> None:
        """Go on by itself from here: nothing waits for the first table."""
        self._task = asyncio.create_task(self._run(), name="circles")

    async def stop(self) -> None:
        """Stop between two commits; nothing is lost."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def settled(self) -> None:
        """Return when every row of the log is read and every circle written that follows from it."""
        while not self._filled or self._dirty or self._seq < await self._broker.log.head():
            await self.turn()

    async def turn(self) -> None:
        """Do everything there is to do at this moment."""
        async with self._turning:
            try:
                if not self._filled:
                    await self._fill()
                await self._follow()
            except BaseException:
                self._filled = False  # the table may be half of the truth: make it anew
                raise

    # asking

    @property
    def network_hash(self) -> str:
        """The state of the streets by which times are reckoned now."""
        return self._network.digest

    @property
    def homes(self) -> Mapping[str, Spot]:
        """All buildings that are known, by id."""
        return self._homes.by_id

    @property
    def services(self) -> Mapping[str, Spot]:
        """All services that are known, by id."""
        return self._services.by_id

    def of_building(self, building_id: str, mode: Mode, minutes: float) -> Reached:
        """Return every service of each kind within `minutes` of a building, the nearest first.

        Raises: ResourceNotFound: no building of this id stands on the map.
        """
        if self._table.column(building_id) is None:
            raise ResourceNotFound("building: no building of this id stands on the map.")
        return self._table.all_reached(building_id, MODES.index(mode), minutes * 60)

    async def around(self, place: tuple[float, float], mode: Mode, minutes: float) -> Reached:
        """Return every service of each kind within `minutes` of any place, the nearest first; as exact as a building's."""
        services = dict(self._services.by_id)
        here, goals = self._network.places([place], mode), self._services.places[mode]
        if not services:
            return {}
        column = (await self._network.seconds_between(here, goals, minutes, mode))[:, 0].tolist()
        found: dict[str, list[tuple[int, str]]] = {}
        for spot, seconds in zip(services.values(), column, strict=True):
            if seconds <= SECONDS_MAX:
                for kind in spot.kinds:
                    found.setdefault(kind, []).append((round(seconds), spot.id))
        return {kind: [(one, s) for s, one in sorted(near)] for kind, near in sorted(found.items())}

    def covered(self, kind: str, mode: Mode, minutes: float) -> dict[str, bool]:
        """Return for every building whether a service of a kind lies within `minutes`."""
        return dict(
            zip(self._table.homes, self._table.covered(kind, MODES.index(mode), minutes * 60).tolist(), strict=True)
        )

    # following

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self.turn()
                failures = 0
                await self._broker.log.wait(self._seq)
                await asyncio.sleep(GATHER_S)
            except Exception:
                failures += 1
                log.exception("insight.circle.failed", failures=failures, seq=self._seq)
                await asyncio.sleep(min(BACKOFF_MAX_S, 0.05 * 2**failures))

    def _forget(self) -> None:
        self._table = Table(len(MODES), self._nearest)
        self._homes, self._services = Spots(), Spots()
        self._closings: dict[str, Closing] = {}
        self._dirty: dict[tuple[str, Mode], None] = {}

    async def _fill(self) -> None:
        self._forget()
        self._seq = self._saved = await self._broker.log.cursor(READER)
        closures = await self._broker.read_all(ENGINE, "Closure")
        self._closings = {one.id: closing_of(one) for one in closures}
        await self._set_timers(self._closings.values())
        await self._network.shut(held(self._closings.values(), self._clock.now_us()))
        homes = [spot for one in await self._broker.read_all(ENGINE, "Building") if (spot := spot_of(one))]
        await self._homes.add(self._network, homes)
        self._table.add_homes([spot.id for spot in homes], {})
        found: list[Plain] = []
        for entity_type in ("Place", "Provider"):
            found += await self._broker.read_all(ENGINE, entity_type)
        await self._put_services([spot for one in found if (spot := spot_of(one, self._left_out))])
        # What changed while nobody followed may have taken away the last service that a circle names: all are compared.
        self._dirty = {(home, mode): None for home in self._table.homes for mode in MODES}
        self._filled = True

    async def _follow(self) -> None:
        while True:
            rows = await self._broker.log.rows_since(self._seq, limit=ROWS_MAX)
            await self._take(rows)
            await self._write()
            if not rows:
                return
            self._seq = rows[-1].seq
            if self._seq - self._saved >= SAVE_EVERY:
                await self._broker.write(ENGINE, [], cursor=(READER, self._seq))
                self._saved = self._seq

    async def _take(self, rows: Sequence[LogRow]) -> None:
        touched: dict[str, dict[str, None]] = {}
        for row in rows:
            if row.type in FOLLOWED and row.kind != "audit":
                touched.setdefault(row.type, {})[row.entity_id] = None
        if "Closure" in touched:
            await self._take_closures(list(touched.pop("Closure")))
        for entity_type, ids in touched.items():
            there = {one.id: one for one in await self._broker.read_all(ENGINE, entity_type, ids=list(ids))}
            spots = {one: spot_of(there[one], self._left_out) if one in there else None for one in ids}
            if entity_type == "Building":
                await self._take_homes(spots)
            else:
                await self._take_services(spots)

    async def _take_closures(self, ids: Sequence[str]) -> None:
        there = {one.id: closing_of(one) for one in await self._broker.read_all(ENGINE, "Closure", ids=ids)}
        for closing_id in ids:
            self._closings.pop(closing_id, None)
        self._closings.update(there)
        await self._set_timers(there.values())
        if await self._network.shut(held(self._closings.values(), self._clock.now_us())):
            await self._put_services([], again=True)

    async def _set_timers(self, closings: Iterable[Closing]) -> None:
        now = self._clock.now_us()
        timers = [timer for one in closings if (timer := one.timer(now))]
        if timers:
            await self._broker.write(ENGINE, [], set_timers=timers)

    async def _take_homes(self, spots: Mapping[str, Spot | None]) -> None:
        known = self._homes.by_id
        moved = [
            one for one, spot in spots.items() if one in known and (spot is None or spot.place != known[one].place)
        ]
        for home_id, spot in spots.items():
            if spot is None:
                await self._drop_circles(home_id)
        self._table.drop_homes(moved)
        self._homes.drop(moved)
        self._homes.by_id.update({one: spot for one, spot in spots.items() if spot and one in self._homes.by_id})
        fresh = [spot for one, spot in spots.items() if spot and one not in self._homes.by_id]
        if not fresh:
            return
        places = await self._homes.add(self._network, fresh)
        seconds = await seconds_between(self._network, places, self._services.places)
        ids = [spot.id for spot in fresh]
        reaching = self._table.add_homes(ids, dict(zip(self._services.by_id, seconds, strict=True)))
        self._dirty |= {(one, mode): None for one in ids if one in reaching or one in moved for mode in MODES}

    async def _drop_circles(self, home_id: str) -> None:
        for mode in MODES:
            self._dirty.pop((home_id, mode), None)
            with contextlib.suppress(ResourceNotFound):
                await self._broker.delete(ENGINE, circle_id(home_id, mode))

    async def _take_services(self, spots: Mapping[str, Spot | None]) -> None:
        known = self._services.by_id
        gone = [one for one, spot in spots.items() if spot is None and one in known]
        fresh = [
            spot
            for one, spot in spots.items()
            if spot and (one not in known or (known[one].place, known[one].kinds) != (spot.place, spot.kinds))
        ]
        self._services.by_id.update({one: spot for one, spot in spots.items() if spot and one in known})
        if gone or fresh:
            await self._put_services(fresh, gone)

    async def _put_services(self, fresh: Sequence[Spot], gone: Sequence[str] = (), *, again: bool = False) -> None:
        """Put and drop services and remember whose circle changes; `again` reckons all that are there anew."""
        self._services.drop([*gone, *(spot.id for spot in fresh)])
        places = await self._services.add(self._network, fresh)
        if again:
            places = self._services.places
        ids = list(self._services.by_id) if again else [spot.id for spot in fresh]
        seconds = await seconds_between(self._network, self._homes.places, places)
        put = {one: (self._services.by_id[one].kinds, row) for one, row in zip(ids, seconds, strict=True)}
        changed = self._table.change(put, gone)
        homes = self._table.homes
        for at, mode in enumerate(MODES):
            self._dirty |= {(homes[home], mode): None for home in changed[at].nonzero()[0].tolist()}

    # writing

    async def _write(self) -> None:
        while self._dirty:
            batch = list(self._dirty)[:WRITTEN_AT_ONCE]
            ids = [circle_id(home, mode) for home, mode in batch]
            there = {one.id: one for one in await self._broker.read_all(ENGINE, "Circle", ids=ids)}
            drafts = [draft for home, mode in batch if (draft := self._draft(home, mode, there))]
            if drafts:
                await self._written(drafts)
            for one in batch:
                self._dirty.pop(one, None)
            await asyncio.sleep(0)  # requests come before the next batch

    async def _written(self, drafts: Sequence[Draft]) -> None:
        try:
            await self._broker.write(ENGINE, drafts, cursor=(READER, self._seq))
        except BadRequestData as error:  # a building that others wrote with an id or scope that no circle can have
            if len(drafts) == 1:
                log.warning("insight.circle.refused", id=drafts[0].id, fault=str(error))
                return
            for draft in drafts:
                await self._written([draft])
        else:
            self._saved = self._seq

    def _draft(self, home: str, mode: Mode, there: Mapping[str, Plain]) -> Draft | None:
        """Return what to write of a circle, or None when the same stands there or nothing is reached."""
        own_id = circle_id(home, mode)
        reached = {
            kind: [list(one) for one in near] for kind, near in self._table.reached(home, MODES.index(mode)).items()
        }
        before = there.get(own_id)
        if (not reached) if before is None else before.values.get("reached") == reached:
            return None
        values = {
            "ofBuilding": home,
            "mode": mode,
            "minutes": CIRCLE_MIN,
            "reached": reached,
            "computedAt": to_wire_time(self._clock.now_us()),
            "networkHash": self._network.digest,
        }
        return Draft(own_id, "Circle", values, self._homes.by_id[home].scopes)
