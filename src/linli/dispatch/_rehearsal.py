"""A day rehearsed with the pure machine: no store, no clock, no server, one seed; to tune weights and to find faults.

It is the load of the scenario files without the platform around it: calls come in, helpers accept at once, travel,
serve and are free again; whoever is not reached in time is dropped and counts as missed. Its figures choose weights;
those that are quoted come from the whole platform.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linli.base import MINUTE_US, SECOND_US, Point

from ._asks import Kind, Reach, Words
from ._entities import FOREVER_US, Call, Helper, Offer, Shift
from ._machine import (
    Action,
    EndOffer,
    Escalate,
    Explain,
    Machine,
    MakeOffer,
    Redue,
    Saw,
    SetTimer,
    Settle,
    TimerFired,
    Triage,
)
from ._policy import Tuning


@dataclass(frozen=True, slots=True)
class Load:
    """How many call for how many, and how: the agreed load by default, at a normal hour."""

    helpers: int = 220
    calls: int = 1500
    hours: float = 4.0
    columns: int = 4
    rows: int = 4
    shares: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
    further_skill: float = 0.15
    urgent: float = 0.10
    service_min: tuple[float, float] = (15.0, 35.0)
    missed_after_min: float = 60.0


@dataclass(frozen=True)
class LoadKinds:
    """One kind for each skill of a load, s0, s1, ...; the word `urgent` in the text makes a call urgent."""

    kinds: Mapping[str, Kind]
    skills: Mapping[str, Words]
    urgent_words: Mapping[str, int]

    @classmethod
    def of(cls, load: Load) -> LoadKinds:
        """Make them."""
        names = [f"s{n}" for n in range(len(load.shares))]
        kinds = {n: Kind(n, "load", "1", {"zh": n, "en": n}, 1, (n,), service_min=25.0) for n in names}
        return cls(kinds, {n: {"zh": n, "en": n} for n in names}, {"urgent": 2})

    def kind(self, key: str, *, version: str = "", scopes: Sequence[str] = ()) -> Kind | None:  # noqa: ARG002
        """Return a kind: a load has one version of each, the same everywhere."""
        return self.kinds.get(key)

    def way_out(self, key: str) -> str:  # noqa: ARG002
        """Say where the kinds are listed."""
        return "GET /api/kinds lists what is."


class PureCity:
    """Entities in dicts, timers in a heap, one machine; every action is taken at its word."""

    def __init__(self, machine: Machine, start_us: int = 0) -> None:
        """Start empty at `start_us`."""
        self.machine = machine
        self.now_us = start_us
        self.calls: dict[str, Call] = {}
        self.offers: dict[str, Offer] = {}
        self.helpers: dict[str, Helper] = {}
        self.timers: dict[tuple[str, str], int] = {}
        self.actions: list[Action] = []
        self.on_offer: Callable[[Offer], None] = lambda _: None
        self._count = itertools.count()

    def put(self, *entities: Call | Offer | Helper | Shift) -> None:
        """Write entities, as a commit would, and let the machine do what follows."""
        for entity in entities:
            self._keep(entity)
        self.step(*(Saw(entity) for entity in entities))

    def step(self, *events: Saw | TimerFired) -> None:
        """Step until the machine wants nothing more, carrying out each action."""
        actions = self.machine.step(self.now_us, *events)
        while actions:
            made = self._carry_out(actions)
            actions = self.machine.step(self.now_us)
            for offer in made:
                self.on_offer(offer)

    def next_due_us(self) -> int | None:
        """Return when a timer or a tick is due."""
        moments = [*self.timers.values(), self.machine.next_wake_us()]
        return min((one for one in moments if one is not None), default=None)

    def advance_to(self, at_us: int) -> None:
        """Move on, firing what falls due on the way, in order."""
        while (due := self.next_due_us()) is not None and due <= at_us:
            self.now_us = max(self.now_us, due)
            fired = sorted((when, key) for key, when in self.timers.items() if when <= self.now_us)
            events = []
            for _, (entity_id, name) in fired:
                del self.timers[entity_id, name]
                events.append(TimerFired(name, self.calls.get(entity_id) or self.offers[entity_id]))
            self.step(*events)
        self.now_us = max(self.now_us, at_us)

    def changed(self, entity_id: str, **values: Any) -> None:
        """Change one entity."""
        if entity_id in self.calls:
            call = self.calls[entity_id]
            self.put(replace(call, version=call.version + 1, **values))
        else:
            helper = self.helpers[entity_id]
            self.put(replace(helper, version=helper.version + 1, **values))

    def answer(self, offer_id: str, answer: str) -> bool:
        """Answer an open offer; False when it is gone."""
        offer = self.offers[offer_id]
        call = self.calls[offer.call]
        if offer.answer != "open" or offer.expires_us <= self.now_us or call.state != "offered":
            return False
        self.timers.pop((offer_id, "offer_timeout"), None)
        answered = replace(offer, version=offer.version + 1, answer=answer)
        if answer == "accepted":
            self._drop_rungs(call.id)
            values: dict[str, Any] = {"state": "accepted", "assigned": offer.helper, "accepted_us": self.now_us}
        else:
            values = {"state": "triaged"}
        self.put(answered, replace(call, version=call.version + 1, offered_to=(), **values))
        return True

    def end(self, call_id: str, state: str) -> None:
        """End a call: its open offer is withdrawn, its timers dropped."""
        call = self.calls[call_id]
        for key in [key for key in self.timers if key[0] == call_id]:
            del self.timers[key]
        gone = []
        for offer_id in call.offers:
            offer = self.offers[offer_id]
            if offer.answer == "open":
                gone.append(replace(offer, version=offer.version + 1, answer="withdrawn"))
                self.timers.pop((offer_id, "offer_timeout"), None)
        self.put(*gone, replace(call, version=call.version + 1, state=state, offered_to=(), done_us=self.now_us))

    def _keep(self, entity: Call | Offer | Helper | Shift) -> None:
        match entity:
            case Call():
                self.calls[entity.id] = entity
            case Offer():
                self.offers[entity.id] = entity
            case Helper():
                self.helpers[entity.id] = entity
            case Shift():
                pass

    def _carry_out(self, actions: Sequence[Action]) -> list[Offer]:
        """Do as a commit of these actions would: each call and offer changes once, by all that concerns it."""
        self.actions += actions
        changed: dict[str, Call | Offer] = {}
        made = []
        for action in actions:
            if isinstance(action, SetTimer):
                self.timers[action.call.id, action.name] = action.due_us
            elif isinstance(action, MakeOffer):
                made.append(self._make_offer(action, changed))
            elif isinstance(action, EndOffer):
                offer = action.offer
                self.timers.pop((offer.id, "offer_timeout"), None)
                changed[offer.id] = replace(offer, version=offer.version + 1, answer=action.answer)
                if action.call is not None and action.call.state == "offered":
                    self._change(changed, action.call, state="triaged", offered_to=())
            else:
                self._change(changed, action.call, **_values(action))
        for entity in changed.values():
            self._keep(entity)
        self.machine.take(self.now_us, *changed.values())
        return made

    def _make_offer(self, action: MakeOffer, changed: dict[str, Call | Offer]) -> Offer:
        offer = Offer(
            id=f"urn:ngsi-ld:Offer:pure:{next(self._count):08}",
            version=1,
            call=action.call.id,
            helper=action.helper_id,
            answer="open",
            rank=len(action.call.offers) + 1,
            sent_us=self.now_us,
            expires_us=action.expires_us,
            eta_s=action.travel_s,
            why=action.why,
        )
        changed[offer.id] = offer
        self.timers[offer.id, "offer_timeout"] = action.expires_us
        offers = (*action.call.offers, offer.id)
        asked = (action.helper_id,)
        self._change(changed, action.call, state="offered", offered_to=asked, offers=offers, shortage=None)
        return offer

    def _change(self, changed: dict[str, Call | Offer], call: Call, **values: Any) -> None:
        now = changed.get(call.id)
        base = now if isinstance(now, Call) else replace(self.calls[call.id], version=call.version + 1)
        changed[call.id] = replace(base, **values)

    def _drop_rungs(self, call_id: str) -> None:
        for key in [key for key in self.timers if key[0] == call_id and key[1].startswith("rung-")]:
            del self.timers[key]


def _values(action: Triage | Explain | Escalate | Settle | Redue) -> dict[str, Any]:
    match action:
        case Redue(done=done):
            return {"done_due_us": done.at_us}
        case Triage(urgency=urgency, due_us=due_us):
            return {"state": "triaged", "urgency": urgency, "due_us": due_us}
        case Explain(shortage=shortage):
            return {"state": "noProvider", "shortage": shortage}
        case Escalate(call=call, level=level, to=to, rung=rung):
            row = {"what": "escalated" if rung else "late", "rung": rung, "to": to}
            return {"level": level, "timeline": (*call.timeline, row)}
        case Settle(state=state):
            return {"state": state}


def rehearse(
    load: Load,
    reach: Reach,
    places: NDArray[np.float64],
    *,
    policy: str = "open",
    seed: int = 1,
    tuning: Tuning | None = None,
) -> dict[str, float]:
    """Rehearse one load and return its figures.

    Shapes: places (n, 2) lon/lat in degrees, the junctions from which places are drawn.
    Units: shares of all calls; waits in minutes over those who were reached.
    """
    return _Rehearsal(load, reach, places, policy=policy, seed=seed, tuning=tuning or Tuning()).run()


class _Rehearsal:
    def __init__(
        self, load: Load, reach: Reach, places: NDArray[np.float64], *, policy: str, seed: int, tuning: Tuning
    ) -> None:
        self._load, self._reach, self._places = load, reach, places
        self._draw = np.random.default_rng(seed)
        self._city = PureCity(Machine(LoadKinds.of(load), reach, policy=policy, tuning=tuning))
        self._city.on_offer = lambda offer: self._at(self._city.now_us, self._accept, offer.id)
        self._queue: list[tuple[int, int, Callable[[str], None], str]] = []
        self._order = itertools.count()
        self._reached: dict[str, float] = {}
        self._travelled_s = 0.0
        self._urgent: set[str] = set()
        self._crossed = 0
        self._community = self._communities()

    def run(self) -> dict[str, float]:
        self._helpers()
        self._calls()
        while self._queue:
            at_us, _, do, subject = heapq.heappop(self._queue)
            self._city.advance_to(at_us)
            do(subject)
        return self._figures()

    def _figures(self) -> dict[str, float]:
        n, within = self._load.calls, [wait for wait in self._reached.values() if wait <= self._load.missed_after_min]
        urgent = [self._reached[one] for one in self._urgent if one in self._reached]
        return {
            "within60": len(within) / n,
            "urgentWithin15": sum(wait <= 15 for wait in urgent) / max(1, len(self._urgent)),
            "urgentWithin60": len(urgent) / max(1, len(self._urgent)),
            "lost": 1 - len(self._reached) / n,
            "waitP50Min": float(np.median(within)) if within else float("nan"),
            "waitP95Min": float(np.quantile(within, 0.95)) if within else float("nan"),
            "travelMin": self._travelled_s / 60 / max(1, len(self._reached)),
            "crossing": self._crossed / max(1, len(self._reached)),
        }

    def _communities(self) -> NDArray[np.int64]:
        load = self._load
        low, high = self._places.min(axis=0), self._places.max(axis=0)
        cell = (self._places - low) / np.maximum(high - low, 1e-12) * (load.columns, load.rows)
        column = np.minimum(cell[:, 0].astype(np.int64), load.columns - 1)
        row = np.minimum(cell[:, 1].astype(np.int64), load.rows - 1)
        numbers: NDArray[np.int64] = row * load.columns + column
        return numbers

    def _helpers(self) -> None:
        load, draw = self._load, self._draw
        low, high = self._places.min(axis=0), self._places.max(axis=0)
        for n in range(load.helpers):
            spot = low + draw.random(2) * (high - low)
            where = int(np.hypot(*(self._places - spot).T).argmin())
            first = draw.choice(len(load.shares), p=load.shares)
            more = draw.random(len(load.shares)) < load.further_skill
            skills = {f"s{k}": FOREVER_US for k in range(len(load.shares)) if k == first or more[k]}
            area = f"area{self._community[where]}"
            place = Point(*self._places[where].tolist())
            helper = Helper(f"h{n:04}", 1, "ready", place, "ebike", skills, 0.0, area, 0)
            self._city.put(helper, Shift(f"shift{n:04}", 1, helper.id, (area,), 0, FOREVER_US))

    def _calls(self) -> None:
        load, draw = self._load, self._draw
        areas = sorted(set(self._community.tolist()))
        weights = draw.dirichlet(np.ones(len(areas)))
        inside = {area: np.flatnonzero(self._community == area) for area in areas}
        for n, share in enumerate(np.sort(draw.random(load.calls))):
            area = areas[int(draw.choice(len(areas), p=weights))]
            where = int(draw.choice(inside[area]))
            call = Call(
                id=f"c{n:05}",
                version=1,
                kind=f"s{draw.choice(len(load.shares), p=load.shares)}",
                state="received",
                urgency=1,
                received_us=int(share * load.hours * 60 * MINUTE_US),
                due_us=FOREVER_US,
                place=Point(*self._places[where].tolist()),
                home=f"area{area}",
                scopes=(),
                text="urgent" if draw.random() < load.urgent else "",
            )
            if call.text:
                self._urgent.add(call.id)
            self._city.calls[call.id] = call
            self._at(call.received_us, lambda one: self._city.put(self._city.calls[one]), call.id)
            self._at(call.received_us + round(load.missed_after_min * MINUTE_US), self._miss, call.id)

    def _at(self, at_us: int, do: Callable[[str], None], subject: str) -> None:
        heapq.heappush(self._queue, (at_us, next(self._order), do, subject))

    def _miss(self, call_id: str) -> None:
        if self._city.calls[call_id].state not in ("onSite", "done", "cancelled"):
            self._city.end(call_id, "cancelled")

    def _accept(self, offer_id: str) -> None:
        city = self._city
        offer = city.offers[offer_id]
        if not city.answer(offer_id, "accepted"):
            return
        helper, call = city.helpers[offer.helper], city.calls[offer.call]
        to = self._reach.node_at(*call.place, "ebike")
        start = self._reach.node_at(*(helper.place or call.place), "ebike")
        seconds = float(self._reach.minutes(to, [start], 600.0, "ebike")[0]) * 60
        self._at(city.now_us + round(seconds * SECOND_US), self._arrive, f"{call.id} {helper.id} {seconds}")

    def _arrive(self, subject: str) -> None:
        call_id, helper_id, seconds = subject.split()
        city = self._city
        call = city.calls[call_id]
        if call.state != "accepted" or call.assigned != helper_id:
            return
        city.changed(helper_id, place=call.place)
        city.changed(call_id, state="onSite", on_site_us=city.now_us)
        self._reached[call_id] = (city.now_us - call.received_us) / MINUTE_US
        self._travelled_s += float(seconds)
        self._crossed += city.helpers[helper_id].area != call.home
        serve = self._draw.uniform(*self._load.service_min)
        self._at(city.now_us + round(serve * MINUTE_US), lambda one: city.end(one, "done"), call_id)
