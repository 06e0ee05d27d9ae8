"""Who could come: all helpers as columns of arrays, so that a thousand are asked in one breath.

A helper keeps his slot (a column number) for as long as the process lives. What changes with time alone, being on
shift, is turned on and off by `turn`; what changes by a write comes in by `see` and `see_shift`.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linli.base.errors import OffMap

from ._asks import Mode, Reach
from ._entities import Helper, Shift

MODES: tuple[Mode, ...] = ("walk", "ebike", "drive")
Flags = NDArray[np.bool_]
Slots = NDArray[np.intp]


class Roster:
    """All helpers of this node and their shifts."""

    def __init__(self, reach: Reach) -> None:
        """Place helpers on the network of `reach`."""
        self._reach = reach
        self.helpers: dict[str, Helper] = {}
        self.slot: dict[str, int] = {}
        self.ids: list[str] = []
        self.moved: set[int] = set()
        self.node = np.full(64, -1, dtype=np.int64)
        self.mode = np.zeros(64, dtype=np.int8)
        self.known = np.zeros(64, dtype=bool)
        self.ready = np.zeros(64, dtype=bool)
        self.on_shift = np.zeros(64, dtype=bool)
        self.busy = np.zeros(64, dtype=bool)
        self.reach_s = np.full(64, np.inf)
        self.seen_us = np.zeros(64, dtype=np.int64)
        self._skill_until: dict[str, NDArray[np.int64]] = {}
        self._covers: dict[str, Flags] = {}
        self._shifts: defaultdict[str, dict[str, Shift]] = defaultdict(dict)
        self._turns: list[tuple[int, str]] = []
        self._order: Slots | None = None

    @property
    def size(self) -> int:
        """How many slots are in use."""
        return len(self.ids)

    def see(self, helper: Helper) -> None:
        """Take in a helper as he stands now."""
        before = self.helpers.get(helper.id)
        if before is not None and before.version >= helper.version:
            return
        slot = self.slot.get(helper.id)
        if slot is None:
            slot = self._new_slot(helper.id)
        self.helpers[helper.id] = helper
        self.known[slot] = True
        if before is None or (before.place, before.mode) != (helper.place, helper.mode):
            self._place(slot, helper)
        self.ready[slot] = helper.duty == "ready"
        self.reach_s[slot] = helper.reach_min * 60 or np.inf
        self.seen_us[slot] = helper.seen_us
        if before is None or before.skills != helper.skills:
            for until in self._skill_until.values():
                until[slot] = 0
            for skill, until_us in helper.skills.items():
                self._skill(skill)[slot] = until_us

    def forget(self, helper_id: str) -> None:
        """A helper was deleted: he is nobody's candidate any more."""
        slot = self.slot.get(helper_id)
        if slot is not None and self.helpers.pop(helper_id, None) is not None:
            self.ready[slot] = self.known[slot] = False
            self.node[slot] = -1

    def see_shift(self, shift: Shift, now_us: int) -> None:
        """Take in a shift as it stands now."""
        known = self._shifts[shift.helper].get(shift.id)
        if shift.to_us <= now_us and known is None:
            return
        if known is not None and known.version >= shift.version:
            return
        self._shifts[shift.helper][shift.id] = shift
        for edge_us in (shift.from_us, shift.to_us):
            heapq.heappush(self._turns, (max(edge_us, now_us), shift.helper))

    def forget_shift(self, shift_id: str, now_us: int) -> None:
        """A shift was deleted."""
        for helper_id, shifts in self._shifts.items():
            if shifts.pop(shift_id, None) is not None:
                heapq.heappush(self._turns, (now_us, helper_id))

    def turn(self, now_us: int) -> bool:
        """Let shifts begin and end up to `now_us`; tell whether any did."""
        turned = False
        while self._turns and self._turns[0][0] <= now_us:
            _, helper_id = heapq.heappop(self._turns)
            if helper_id in self.slot:
                self._turn_one(helper_id, now_us)
                turned = True
        return turned

    def shift_of(self, helper_id: str, now_us: int) -> Shift | None:
        """Return the shift that a helper works now, the earliest if there are several."""
        active = [s for s in self._shifts.get(helper_id, {}).values() if s.from_us <= now_us < s.to_us]
        return min(active, key=lambda s: (s.from_us, s.id), default=None)

    # questions over all slots; each answer has shape (size,)

    def order(self) -> Slots:
        """Return the slots in the order of the helpers' ids: ties are broken by id."""
        if self._order is None or len(self._order) != self.size:
            self._order = np.array(sorted(range(self.size), key=self.ids.__getitem__), dtype=np.intp)
        return self._order

    def skilled(self, skills: Sequence[str], now_us: int) -> Flags:
        """Return who has all `skills` with a proof that is still valid."""
        flags = np.ones(self.size, dtype=bool)
        for skill in skills:
            until = self._skill_until.get(skill)
            flags &= until[: self.size] > now_us if until is not None else False
        return flags

    def registered(self) -> Flags:
        """Return who exists at all (a deleted helper leaves an empty slot)."""
        return self.known[: self.size]

    def on_duty(self, now_us: int, stale_us: int) -> Flags:
        """Return who is on shift, not off or resting, and was heard of within `stale_us`."""
        n = self.size
        fresh = self.seen_us[:n] >= now_us - stale_us
        return self.on_shift[:n] & (self.ready[:n] | self.busy[:n]) & fresh & (self.node[:n] >= 0)

    def covers(self, area_id: str) -> Flags:
        """Return whose present shift covers an area."""
        flags = self._covers.get(area_id)
        return flags[: self.size] if flags is not None else np.zeros(self.size, dtype=bool)

    # inside

    def _new_slot(self, helper_id: str) -> int:
        slot = len(self.ids)
        self.ids.append(helper_id)
        self.slot[helper_id] = slot
        if slot >= len(self.node):
            self._grow()
        self._order = None
        for shift in self._shifts.get(helper_id, {}).values():
            heapq.heappush(self._turns, (shift.from_us, helper_id))
        return slot

    def _grow(self) -> None:
        more = len(self.node)
        self.node = np.concatenate((self.node, np.full(more, -1, dtype=np.int64)))
        self.mode = np.concatenate((self.mode, np.zeros(more, dtype=np.int8)))
        self.reach_s = np.concatenate((self.reach_s, np.full(more, np.inf)))
        self.seen_us = np.concatenate((self.seen_us, np.zeros(more, dtype=np.int64)))
        no = np.zeros(more, dtype=bool)
        self.known = np.concatenate((self.known, no))
        self.ready = np.concatenate((self.ready, no))
        self.on_shift = np.concatenate((self.on_shift, no))
        self.busy = np.concatenate((self.busy, no))
        never = np.zeros(more, dtype=np.int64)
        self._skill_until = {k: np.concatenate((v, never)) for k, v in self._skill_until.items()}
        self._covers = {k: np.concatenate((v, no)) for k, v in self._covers.items()}

    def _place(self, slot: int, helper: Helper) -> None:
        self.mode[slot] = MODES.index(helper.mode)
        node = -1
        if helper.place is not None:
            try:
                node = self._reach.node_at(*helper.place, helper.mode)
            except OffMap:
                node = -1
        if node != self.node[slot]:
            self.moved.add(slot)
        self.node[slot] = node

    def _skill(self, skill: str) -> NDArray[np.int64]:
        if skill not in self._skill_until:
            self._skill_until[skill] = np.zeros(len(self.node), dtype=np.int64)
        return self._skill_until[skill]

    def _turn_one(self, helper_id: str, now_us: int) -> None:
        slot = self.slot[helper_id]
        shifts = self._shifts[helper_id]
        for shift_id in [one.id for one in shifts.values() if one.to_us <= now_us]:
            del shifts[shift_id]
        active = [one for one in shifts.values() if one.from_us <= now_us]
        self.on_shift[slot] = bool(active)
        for flags in self._covers.values():
            flags[slot] = False
        areas = {area for one in active for area in one.covers}
        home = self.helpers[helper_id].area if helper_id in self.helpers else ""
        for area in areas or ({home} if active and home else set()):
            if area not in self._covers:
                self._covers[area] = np.zeros(len(self.node), dtype=bool)
            self._covers[area][slot] = True
