"""The machine that finds somebody: `step(now, events) -> actions`, without clock, disk, network or chance.

What it knows is a fold of entities that were seen (`Saw`, `Gone`), each taken in once by its version; so feeding the
same rows twice changes nothing, and a process that was killed starts by seeing what is open. What it wants is a list of
actions; it believes none of them until it has seen the entities that they wrote. So a step that lost a race is simply
stepped again.

    a call received    -> Triage, and in the same breath MakeOffer to the best idle helper or Explain the shortage
    an offer times out -> EndOffer; the call waits again and the next best is asked
    somebody is idle   -> MakeOffer for whoever waits and suits him best
    a rung is due      -> Escalate to the next level, until somebody accepts or acknowledges
    a helper goes off  -> EndOffer; his open offer is withdrawn
    done, not answered -> Settle as confirmed by time-out; a day later Settle as closed

Two promises hold after every step whose actions were committed: no helper has two calls or offers, and every open call
has an open offer, a helper, or an explained shortage with a timer armed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from linli.base import MINUTE_US, SECOND_US, Due, from_wire_time

from . import _reasons
from ._asks import Kind, Kinds, Mode, Reach, Rung
from ._entities import FOREVER_US, OVER, TAKEN, WAITING, Call, Entity, Helper, Offer, Shift
from ._policy import POLICIES, Field, Tuning
from ._reasons import Sight
from ._roster import MODES, Flags, Roster, Slots
from ._ways import Ways

#: for kinds whose pack names no ladder: the street, the district, the seat on duty
LADDER = (Rung(600, "community_worker"), Rung(1200, "officer"), Rung(1800, "seat"))
REMIND_S = 600
CLOSE_US = 24 * 60 * MINUTE_US


# what the machine is told


@dataclass(frozen=True, slots=True)
class Saw:
    """An entity as it stands now."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Gone:
    """An entity was deleted."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer came due; `entity` is what it was set for, as it stands now."""

    name: str
    entity: Call | Offer


Event = Saw | Gone | TimerFired


# what the machine wants


@dataclass(frozen=True, slots=True)
class Triage:
    """Urgency and deadlines of a new call are fixed: `due_us` to arrive (0 = nobody travels), `done` to be finished."""

    call: Call
    urgency: int
    due_us: int
    done: Due | None = None


@dataclass(frozen=True, slots=True)
class MakeOffer:
    """Ask a helper to take a call."""

    call: Call
    helper_id: str
    travel_s: int
    mode: Mode
    expires_us: int
    why: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EndOffer:
    """An open offer ends without acceptance (`timeout`, `withdrawn`); its call waits again."""

    offer: Offer
    call: Call | None
    answer: str


@dataclass(frozen=True, slots=True)
class Explain:
    """Nobody can be asked now: the call stands at noProvider with the reason."""

    call: Call
    shortage: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Escalate:
    """The next level is told; `to` is a role, or `late` when the deadline itself has passed."""

    call: Call
    level: int
    to: str
    rung: int = 0


@dataclass(frozen=True, slots=True)
class Settle:
    """A finished call goes on by itself: confirmed by time-out, then closed."""

    call: Call
    state: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Wake the machine about a call."""

    call: Call
    name: str
    due_us: int


@dataclass(frozen=True, slots=True)
class Redue:
    """The calendar behind a call's deadline has changed: it must be finished at another moment than was said."""

    call: Call
    done: Due


Action = Triage | MakeOffer | EndOffer | Explain | Escalate | Settle | SetTimer | Redue


class Machine:
    """Knows every open call, open offer, helper and shift of one node, and decides what happens next."""

    def __init__(self, kinds: Kinds, reach: Reach, *, policy: str = "open", tuning: Tuning | None = None) -> None:
        """Decide by `policy`, a name of POLICIES, with the weights of `tuning`."""
        self.tuning = tuning or Tuning()
        self.kinds = kinds
        self.policy = policy
        self._reach = reach
        self.roster = Roster(reach)
        self.ways = Ways(reach, self.roster, self.tuning.reach_min)
        self.calls: dict[str, Call] = {}
        self.offers: dict[str, Offer] = {}
        self.offer_of: dict[str, str] = {}
        self._choose = POLICIES[policy]
        self._own_only = policy == "closed"
        self._waiting: dict[str, None] = {}
        self._asked: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._work: defaultdict[str, set[str]] = defaultdict(set)
        self._ticked_us = 0
        self._recounted = False
        self.behind = False

    def emptied(self) -> Machine:
        """Return a machine of the same make that knows nothing yet."""
        return Machine(self.kinds, self._reach, policy=self.policy, tuning=self.tuning)

    # one step

    def step(self, now_us: int, *events: Event) -> list[Action]:
        """Take in what happened and return what to do; called with nothing new it is a tick."""
        fired = [event for event in events if isinstance(event, TimerFired)]
        for event in events:
            self._take_in(event, now_us)
        self.roster.turn(now_us)
        self._ticked_us = now_us
        actions = self._recount() if not self._recounted else []
        actions += [action for event in fired for action in self._on_timer(event, now_us)]
        actions += self._withdraw_from_absent({one.offer.id for one in actions if isinstance(one, EndOffer)})
        triaged = {}
        for call_id in sorted(self._waiting):
            if self.calls[call_id].state in ("received", "reopened"):
                triaged[call_id] = self._triage(self.calls[call_id], now_us)
        for triage in triaged.values():
            actions += [triage, *self._arm(triage, now_us)]
        settled = {action.call.id for action in actions if isinstance(action, EndOffer) and action.call}
        return actions + self._match([one for one in sorted(self._waiting) if one not in settled], triaged, now_us)

    def next_wake_us(self) -> int | None:
        """Return when to step again although nothing happened: a tick while somebody waits; None = no need."""
        if not self._waiting:
            return None
        return self._ticked_us + int(self.tuning.tick_s * SECOND_US)

    def take(self, now_us: int, *entities: Entity) -> None:
        """Take in entities without deciding anything, as at the start."""
        for entity in entities:
            self._take_in(Saw(entity), now_us)
        self.roster.turn(now_us)

    # the fold

    def _take_in(self, event: Event, now_us: int) -> None:
        match event:
            case Gone(type=kind, id=entity_id):
                self._forget(kind, entity_id, now_us)
            case Saw(entity=Call() as call) | TimerFired(entity=Call() as call):
                self._see_call(call)
            case Saw(entity=Offer() as offer) | TimerFired(entity=Offer() as offer):
                self._see_offer(offer)
            case Saw(entity=Helper() as helper):
                self.roster.see(helper)
                self._mark(helper.id)
            case Saw(entity=Shift() as shift):
                self.roster.see_shift(shift, now_us)

    def _see_call(self, call: Call) -> None:
        before = self.calls.get(call.id)
        if before is not None and before.version > call.version:
            return
        if call.state in OVER:
            self._drop_call(call.id)
            return
        self.calls[call.id] = call
        if before is not None and before.assigned and before.assigned != call.assigned:
            self._free(before.assigned, call.id)
        if call.state in TAKEN:
            self._occupy(call.assigned, call.id)
        self._sort_waiting(call.id)

    def _see_offer(self, offer: Offer) -> None:
        before = self.offers.get(offer.id)
        if before is not None and before.version > offer.version:
            return
        self._asked[offer.call][offer.helper] = offer.sent_us
        if offer.answer == "open":
            self.offers[offer.id] = offer
            self.offer_of[offer.call] = offer.id
            self._occupy(offer.helper, offer.id)
        else:
            self._drop_offer(offer.id, offer)
        self._sort_waiting(offer.call)

    def _forget(self, kind: str, entity_id: str, now_us: int) -> None:
        if kind == "ServiceCall":
            self._drop_call(entity_id)
        elif kind == "Offer" and (offer := self.offers.get(entity_id)):
            self._drop_offer(entity_id, offer)
            self._sort_waiting(offer.call)
        elif kind == "Helper":
            self.roster.forget(entity_id)
        elif kind == "Shift":
            self.roster.forget_shift(entity_id, now_us)

    def _drop_call(self, call_id: str) -> None:
        call = self.calls.pop(call_id, None)
        self._asked.pop(call_id, None)
        if call is not None and call.assigned:
            self._free(call.assigned, call_id)
        self._sort_waiting(call_id)

    def _drop_offer(self, offer_id: str, offer: Offer) -> None:
        self.offers.pop(offer_id, None)
        if self.offer_of.get(offer.call) == offer_id:
            del self.offer_of[offer.call]
        self._free(offer.helper, offer_id)

    def _sort_waiting(self, call_id: str) -> None:
        call = self.calls.get(call_id)
        if call is not None and call.state in WAITING and call_id not in self.offer_of and not self._is_taken_up(call):
            self._waiting[call_id] = None
            if not self.kind(call).desk:  # nobody travels there
                self.ways.add(call_id, call.place)
        else:
            self._waiting.pop(call_id, None)
            self.ways.drop(call_id)
            if call is None:
                self._asked.pop(call_id, None)

    def _is_taken_up(self, call: Call) -> bool:
        """Tell whether a call is one that the desk does, and was triaged: for it nobody is looked for."""
        return call.state not in ("received", "reopened") and self.kind(call).desk

    def _occupy(self, helper_id: str, by: str) -> None:
        self._work[helper_id].add(by)
        self._mark(helper_id)

    def _free(self, helper_id: str, by: str) -> None:
        work = self._work.get(helper_id)
        if work is not None:
            work.discard(by)
            if not work:
                del self._work[helper_id]
            self._mark(helper_id)

    def _mark(self, helper_id: str) -> None:
        slot = self.roster.slot.get(helper_id)
        if slot is not None:
            self.roster.busy[slot] = helper_id in self._work

    # timers

    def _on_timer(self, event: TimerFired, now_us: int) -> list[Action]:
        entity = event.entity
        if isinstance(entity, Offer):
            late = entity.answer == "open" and entity.expires_us <= now_us
            return [EndOffer(entity, self.calls.get(entity.call), "timeout")] if late else []
        if event.name.startswith("rung-"):
            return self._on_rung(entity, int(event.name.removeprefix("rung-")), now_us)
        actions: list[Action] = []
        match event.name, entity.state:
            case "deadline", state if state in WAITING or state in ("accepted", "enRoute"):
                actions = [Escalate(entity, entity.level + 1, "late")]
            case "finish_by", state if state in WAITING or state in TAKEN:
                actions = self._on_finish_by(entity, now_us)
            case "confirm", "done":
                actions = [Settle(entity, "confirmed"), SetTimer(entity, "close", now_us + CLOSE_US)]
            case "close", "confirmed":
                actions = [Settle(entity, "closed")]
        return actions

    def _on_finish_by(self, call: Call, now_us: int) -> list[Action]:
        """A call should be finished now, or later if the calendar has changed since that was said."""
        done = self._finish_by(call)
        if done is not None and done.at_us > now_us:
            return [Redue(call, done)]
        return [Escalate(call, call.level + 1, "late")]

    def _finish_by(self, call: Call, begun_us: int | None = None) -> Due | None:
        deadline = self.kind(call).done
        return deadline.due(self.begun_us(call) if begun_us is None else begun_us) if deadline else None

    def _recount(self) -> list[Action]:
        """Count the deadlines of all open calls once after a start: the calendar may have changed meanwhile."""
        self._recounted = True
        actions: list[Action] = []
        for call_id in sorted(self.calls):
            call = self.calls[call_id]
            done = self._finish_by(call) if call.done_due_us else None
            if done is not None and done.at_us != call.done_due_us:
                actions.append(Redue(call, done))
        return actions

    def _on_rung(self, call: Call, number: int, now_us: int) -> list[Action]:
        ladder = self.ladder(call)
        if call.state not in WAITING or not 1 <= number <= len(ladder):
            return []
        rung, last = ladder[number - 1], number == len(ladder)
        wanted = not (rung.until == "ack" and call.acknowledged)
        first = not any(row.get("what") == "escalated" and row.get("rung") == number for row in call.timeline)
        actions: list[Action] = []
        if first and wanted:
            actions.append(Escalate(call, max(call.level + 1, number), rung.to, number))
            if call.state == "noProvider" and self.ways.known(call.id):
                actions.append(Explain(call, self.shortage(call, now_us)))
        if first and not last:
            pause_s = ladder[number].after_s - rung.after_s
            actions.append(SetTimer(call, f"rung-{number + 1}", now_us + pause_s * SECOND_US))
        if last or (wanted and rung.repeat_s):
            actions.append(SetTimer(call, f"rung-{number}", now_us + (rung.repeat_s or REMIND_S) * SECOND_US))
        return actions

    def ladder(self, call: Call) -> tuple[Rung, ...]:
        """Return the ladder of a call, the pack's or the general one."""
        return self.kind(call).ladder or LADDER

    def kind(self, call: Call) -> Kind:
        """Return the kind of a call, as it was when the call began; of one that no pack offers any more, a kind that
        nobody has the skill for."""
        known = self.kinds.kind(call.kind, version=call.pack_version, scopes=call.scopes)
        return known or Kind(call.kind, "", "", {"zh": call.kind, "en": call.kind}, call.urgency, (call.kind,))

    # triage and matching

    def _triage(self, call: Call, now_us: int) -> Triage:
        kind = self.kind(call)
        words = [level for word, level in self.kinds.urgent_words.items() if word in call.text.lower()]
        begun_us = now_us if call.state == "reopened" else call.received_us
        due_us = 0 if kind.desk else begun_us + round(kind.arrive_within_min * MINUTE_US)
        return Triage(call, max([kind.urgency, call.urgency, *words]), due_us, self._finish_by(call, begun_us))

    def _arm(self, triage: Triage, now_us: int) -> list[Action]:
        call = triage.call
        first = self.ladder(call)[0].after_s * SECOND_US
        begun_us = now_us if call.state == "reopened" else call.received_us
        timers: list[Action] = [SetTimer(call, "rung-1", begun_us + first)]
        if triage.due_us:
            timers.append(SetTimer(call, "deadline", triage.due_us))
        if triage.done:
            timers.append(SetTimer(call, "finish_by", triage.done.at_us))
        return timers

    def _withdraw_from_absent(self, ended: set[str]) -> list[Action]:
        actions: list[Action] = []
        for offer_id in sorted(self.offers.keys() - ended):
            offer = self.offers[offer_id]
            helper = self.roster.helpers.get(offer.helper)
            if helper is None or helper.duty in ("off", "rest"):
                actions.append(EndOffer(offer, self.calls.get(offer.call), "withdrawn"))
        return actions

    def idle(self, now_us: int) -> Flags:
        """Return for each slot whether its helper could take something at once."""
        n = self.roster.size
        return self._on_duty(now_us) & self.roster.ready[:n] & ~self.roster.busy[:n]

    def _on_duty(self, now_us: int) -> Flags:
        return self.roster.on_duty(now_us, round(self.tuning.position_stale_min * MINUTE_US))

    def _match(self, call_ids: list[str], triaged: Mapping[str, Triage], now_us: int) -> list[Action]:
        """Ask for those who wait, and explain to whom nobody can be sent; at most so many as one commit should hold."""
        idle = self.idle(now_us)
        self.behind = self.ways.search(idle, self.tuning.searches_max) > 0
        calls = [self._as_triaged(one, triaged) for one in call_ids if self.ways.known(one)]
        order = self.roster.order()
        slots = order[idle[order]]
        pairs = self._choose(self.field(calls, slots, now_us), self.tuning) if calls and len(slots) else []
        matched = {row for row, _ in pairs}
        unmatched = [call for row, call in enumerate(calls) if row not in matched and call.state != "noProvider"]
        most = self.tuning.decisions_max
        if len(pairs) + len(unmatched) > most:
            self.behind = True
        actions: list[Action] = [self._offer(calls[row], int(slots[column]), now_us) for row, column in pairs[:most]]
        for call in unmatched[: most - len(actions)]:
            actions += self._explain(call, now_us)
        return actions

    def _as_triaged(self, call_id: str, triaged: Mapping[str, Triage]) -> Call:
        call, triage = self.calls[call_id], triaged.get(call_id)
        return replace(call, urgency=triage.urgency, due_us=triage.due_us) if triage else call

    def field(self, calls: list[Call], slots: Slots, now_us: int) -> Field:
        """Return the waiting `calls` against the idle helpers in `slots`, as a policy wants to see them."""
        seconds = self.ways.table([call.id for call in calls], slots)
        seconds[seconds > self.roster.reach_s[slots]] = np.inf
        home = np.zeros(seconds.shape, dtype=bool)
        able: dict[tuple[str, ...], Flags] = {}
        for row, call in enumerate(calls):
            skills = self.kind(call).skills
            if skills not in able:
                able[skills] = self.roster.skilled(skills, now_us)[slots]
            seconds[row, ~able[skills]] = np.inf
            home[row] = self.roster.covers(call.home)[slots]
            if call.id in self._asked:
                unasked = self._unasked(call, now_us, np.isfinite(seconds[row]), slots)
                seconds[row, ~unasked] = np.inf
        received = np.array([self.begun_us(call) for call in calls], dtype=np.int64)
        return Field(
            seconds=seconds,
            home=home,
            waited_s=(now_us - received) / SECOND_US,
            left_s=np.array([(self.promised_us(call) - now_us) / SECOND_US for call in calls]),
            urgency=np.array([call.urgency for call in calls], dtype=np.int64),
            received_us=received,
        )

    def _unasked(self, call: Call, now_us: int, possible: Flags, slots: Slots) -> Flags:
        """Return who may be asked (again): nobody twice while others are untried, and nobody at once again."""
        asked = self._asked.get(call.id, {})
        ids = self.roster.ids
        untried = np.array([ids[slot] not in asked for slot in slots], dtype=bool)
        if bool((untried & possible).any()):
            return untried
        pause_us = round(self.tuning.ask_again_min * MINUTE_US)
        return np.array([asked.get(ids[slot], -FOREVER_US) + pause_us <= now_us for slot in slots], dtype=bool)

    def begun_us(self, call: Call) -> int:
        """Return when the caller's waiting began: at the press, or when the call was opened again."""
        if not call.reopened:
            return call.received_us
        if call.due_us != FOREVER_US:
            return call.due_us - round(self.kind(call).arrive_within_min * MINUTE_US)
        again = [from_wire_time(row["at"]) for row in call.timeline if row.get("what") == "reopened"]
        return max(again, default=call.received_us)

    def promised_us(self, call: Call) -> int:
        """Return until when somebody must be there: the kind's own deadline, at most the general promise."""
        return min(call.due_us, self.begun_us(call) + round(self.tuning.promise_min * MINUTE_US))

    def sight(self, call: Call, now_us: int) -> Sight:
        """Return a call as seen against all helpers; searches the streets when the table does not hold it."""
        n = self.roster.size
        skills = self.kind(call).skills
        yes = np.ones(n, dtype=bool)
        seconds = self.ways.seconds(call.id) if self.ways.known(call.id) else self.ways.fresh(call.place)
        in_reach = np.isfinite(seconds) & (seconds <= self.roster.reach_s[:n])
        certificate = self.roster.skilled(skills, now_us)
        on_shift = self._on_duty(now_us)
        own = self.roster.covers(call.home) if self._own_only else yes
        idle = on_shift & self.roster.ready[:n] & ~self.roster.busy[:n]
        unasked = yes
        if call.id in self._asked:
            unasked = self._unasked(call, now_us, certificate & in_reach & own & idle, np.arange(n, dtype=np.intp))
        return Sight(
            registered=self.roster.registered(),
            skill=self.roster.skilled(skills, 0),
            certificate=certificate,
            on_shift=on_shift,
            in_reach=in_reach,
            unasked=unasked,
            own=own,
            idle=idle,
            seconds=seconds,
        )

    def _offer(self, call: Call, slot: int, now_us: int) -> MakeOffer:
        kind = self.kind(call)
        sight = self.sight(call, now_us)
        if kind.answer_within_min is not None:
            open_min = kind.answer_within_min
        else:
            open_min = 1.0 if call.urgency >= 2 else kind.offer_open_min
        return MakeOffer(
            call=call,
            helper_id=self.roster.ids[slot],
            travel_s=round(float(sight.seconds[slot])),
            mode=MODES[int(self.roster.mode[slot])],
            expires_us=now_us + round(open_min * MINUTE_US),
            why=_reasons.why(call, kind, sight, slot, roster=self.roster, now_us=now_us),
        )

    def _explain(self, call: Call, now_us: int) -> list[Action]:
        found = self.shortage(call, now_us)
        actions: list[Action] = [Explain(call, found)]
        if _reasons.hopeless(found) and not call.level:
            actions.append(SetTimer(call, "rung-1", now_us))
        return actions

    def shortage(self, call: Call, now_us: int) -> dict[str, Any]:
        """Return why nobody can be asked for a waiting call."""
        return _reasons.shortage(self.kind(call), self.sight(call, now_us), self._free_us(), now_us)

    def _free_us(self) -> dict[int, int]:
        """Return when each busy helper is expected to be free, by the kinds' usual times on site."""
        free = {}
        for call in self.calls.values():
            slot = self.roster.slot.get(call.assigned)
            if slot is not None and call.state in TAKEN:
                begun = call.on_site_us or call.accepted_us
                free[slot] = begun + round(self.kind(call).service_min * MINUTE_US)
        return free


def changed_entities(actions: Iterable[Action]) -> set[str]:
    """Return the ids of the entities that these actions change, to be read again when somebody was faster."""
    ids = set()
    for action in actions:
        if isinstance(action, EndOffer):
            ids.add(action.offer.id)
            if action.call is not None:
                ids.add(action.call.id)
        else:
            ids.add(action.call.id)
    return ids
