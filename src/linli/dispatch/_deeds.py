"""Turns what the machine wants into one commit: drafts of entities, timers to set and timers to drop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from linli.base import SECOND_US, Due, Ids, to_wire_time
from linli.broker import Draft
from linli.store import Timer

from ._entities import WAITING, Call, Offer
from ._machine import Action, EndOffer, Escalate, Explain, MakeOffer, Redue, SetTimer, Settle, Triage

TIMELINE_MAX = 200
LIFE = 3  # the urgency at which a life is at stake


@dataclass(slots=True)
class Sheet:
    """All that one commit changes about one call; several changes of one step flow together here."""

    call: Call
    values: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def enter(self, state: str, now_us: int, **facts: Any) -> None:
        """Bring the call into a state, and say so in its timeline."""
        self.values |= {"state": state, "stateAt": to_wire_time(now_us)}
        self.note(state, now_us, **facts)

    def note(self, what: str, now_us: int, **facts: Any) -> None:
        """Add a row to the call's timeline."""
        self.rows.append({"at": to_wire_time(now_us // SECOND_US * SECOND_US), "what": what, **facts})

    def draft(self) -> Draft:
        """Return the change of the call, bound to the version on which it was decided."""
        values = self.values
        if self.rows:
            values = values | {"timeline": [*self.call.timeline, *self.rows][-TIMELINE_MAX:]}
        if "state" in values:
            values = values | {"seq": self.call.version + 1}
        return Draft(self.call.id, "ServiceCall", values, expect_version=self.call.version)


@dataclass(slots=True)
class Deeds:
    """One commit in the making."""

    ids: Ids
    now_us: int
    home_node: str
    drafts: list[Draft] = field(default_factory=list)
    set_timers: list[Timer] = field(default_factory=list)
    drop_timers: list[tuple[str, str]] = field(default_factory=list)
    _sheets: dict[str, Sheet] = field(default_factory=dict)

    def add(self, actions: Iterable[Action]) -> Deeds:
        """Write down what the machine wants."""
        for action in actions:
            self._add(action)
        return self

    def sheet(self, call: Call) -> Sheet:
        """Return the sheet on which changes of this call are collected."""
        return self._sheets.setdefault(call.id, Sheet(call))

    def all_drafts(self) -> list[Draft]:
        """Return the drafts of everything that changes."""
        sheets = [sheet.draft() for sheet in self._sheets.values() if sheet.values or sheet.rows]
        return [*self.drafts, *sheets]

    def timer(self, call: Call, name: str, due_us: int) -> None:
        """Arm a timer of a call."""
        scope = call.scopes[0] if call.scopes else ""
        self.set_timers.append(Timer(call.id, "ServiceCall", name, due_us, scope))

    def make_offer(self, offer: MakeOffer, **why: Any) -> str:
        """Ask a helper, and return the new offer's id."""
        call, now = offer.call, self.now_us
        offer_id = self.ids.new("Offer", now)
        rank = len(call.offers) + 1
        values: dict[str, Any] = {
            "call": call.id,
            "helper": offer.helper_id,
            "node": self.home_node,
            "rank": rank,
            "eta": offer.travel_s,
            "profile": offer.mode,
            "sentAt": to_wire_time(now),
            "openUntil": to_wire_time(offer.expires_us),
            "answer": "open",
            "why": {**offer.why, **why},
            "channel": "app",
        }
        if call.home:
            values["inArea"] = call.home
        self.drafts.append(Draft(offer_id, "Offer", values, scopes=call.scopes, expect_version=0))
        scope = call.scopes[0] if call.scopes else ""
        self.set_timers.append(Timer(offer_id, "Offer", "offer_timeout", offer.expires_us, scope))
        sheet = self.sheet(call)
        sheet.values |= {"offeredTo": [offer.helper_id], "offers": [*call.offers, offer_id], "shortage": None}
        sheet.enter("offered", now, who=offer.helper_id, rank=rank)
        return offer_id

    def end_offer(self, offer: Offer, call: Call | None, answer: str, *, reason: str = "") -> None:
        """End an open offer without acceptance; its call waits again."""
        values: dict[str, Any] = {"answer": answer, "answeredAt": to_wire_time(self.now_us)}
        if reason:
            values["declineReason"] = reason
        self.drafts.append(Draft(offer.id, "Offer", values, expect_version=offer.version))
        self.drop_timers.append((offer.id, "offer_timeout"))
        if call is not None and call.state in WAITING:
            sheet = self.sheet(call)
            sheet.values["offeredTo"] = None
            sheet.note(answer, self.now_us, who=offer.helper)
            sheet.values |= {"state": "triaged", "stateAt": to_wire_time(self.now_us)}

    def free(self, helper: Mapping[str, Any] | None, helper_id: str) -> None:
        """A helper has nothing to do any more: he is ready again, unless he went off meanwhile."""
        if helper is not None and helper.get("dutyState") == "busy":
            self.drafts.append(Draft(helper_id, "Helper", {"dutyState": "ready"}))

    def drop_call_timers(self, call: Call, *names: str, rungs: int = 0) -> None:
        """Disarm timers of a call: those named, and the first `rungs` rungs."""
        self.drop_timers += [(call.id, name) for name in names]
        self.drop_timers += [(call.id, f"rung-{number}") for number in range(1, rungs + 1)]

    def _add(self, action: Action) -> None:
        match action:
            case Triage():
                self._triage(action)
            case MakeOffer():
                self.make_offer(action)
            case EndOffer(offer=offer, call=ended, answer=answer):
                self.end_offer(offer, ended, answer)
            case Explain():
                self._explain(action)
            case Escalate():
                self._escalate(action)
            case Settle():
                self._settle(action)
            case Redue(call=call, done=done):
                self._finish_by(call, done)
                self.timer(call, "finish_by", done.at_us)
            case SetTimer(call=call, name=name, due_us=due_us):
                self.timer(call, name, due_us)

    def _triage(self, action: Triage) -> None:
        sheet, urgency = self.sheet(action.call), action.urgency
        sheet.values |= {"urgency": urgency, "lifeCritical": urgency >= LIFE}
        if action.due_us:
            sheet.values["dueArrive"] = to_wire_time(action.due_us)
        if action.done:
            self._finish_by(action.call, action.done)
        sheet.enter("triaged", self.now_us, urgency=urgency)

    def _finish_by(self, call: Call, done: Due) -> None:
        rule = {"limit": done.limit, "provisional": done.provisional}
        self.sheet(call).values |= {"dueDone": to_wire_time(done.at_us), "dueRule": rule}

    def _explain(self, action: Explain) -> None:
        sheet = self.sheet(action.call)
        sheet.values["shortage"] = dict(action.shortage)
        if action.call.state != "noProvider":
            sheet.enter("noProvider", self.now_us, binding=action.shortage["bindingStep"])

    def _escalate(self, action: Escalate) -> None:
        sheet = self.sheet(action.call)
        sheet.values["escalationLevel"] = action.level
        if action.rung:
            sheet.note("escalated", self.now_us, rung=action.rung, to=action.to, level=action.level)
        else:
            sheet.note("late", self.now_us, level=action.level)

    def _settle(self, action: Settle) -> None:
        sheet = self.sheet(action.call)
        sheet.values[f"{action.state}At"] = to_wire_time(self.now_us)
        if action.state == "confirmed":
            sheet.values["byTimeout"] = True
        sheet.enter(action.state, self.now_us, byTimeout=True)
