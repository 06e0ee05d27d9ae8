"""Scenarios of a pack: `tests/<name>.toml`, one file a kind of call, each with several short stories.

    schema = 1
    call = "shop.hour"
    [[scenario]]
    proves = "decline"
    title = {zh = "第一位谢绝", en = "The first one declines"}
    helper = [{name = "near", minutes = 5}, {name = "far", minutes = 20}]
    step = [
      {do = "press", at_s = 0, state = "offered", asked = "near"},
      {do = "decline", at_s = 30, by = "near", state = "offered", asked = "far"},
      {do = "accept", at_s = 60, by = "far", state = "accepted"},
    ]

Every helper has the skills of the call and stands `minutes` away. `state` is where the call must stand after the step,
`asked` who must hold the open offer then, `told` which target of the ladder must have been told by it (step `rung`).
What a desk does (`by = "desk"`) nobody is offered: it is taken by the step `take`, and finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from ._form import Both, Figure, Form, Whole
from ._life import DESK_TURNS, TURNS, Turn

PROOFS = ("good", "no_answer", "decline", "cancel", "reopen", "false_alarm")


class HelperForm(Form):
    """One helper of a scenario, who has the skills of the call. Units: minutes of travel."""

    name: str
    minutes: Figure


class ActForm(Form):
    """One step. Units: seconds after the first press."""

    do: str
    at_s: Whole
    state: str
    by: str = ""
    asked: str = ""
    told: str = ""


class ScenarioForm(Form):
    """One short story."""

    proves: Literal["good", "no_answer", "decline", "cancel", "reopen", "false_alarm"]
    title: Both
    step: tuple[ActForm, ...]
    helper: tuple[HelperForm, ...] = ()


class ScenariosForm(Form):
    """The scenarios of one kind of call."""

    schema: Literal[1]
    call: str
    scenario: tuple[ScenarioForm, ...]


def scenario_faults(
    form: ScenariosForm, calls: frozenset[str], told: frozenset[str], *, desk: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a scenario file: (place, what).

    `calls` are the pack's, `told` the targets of the call's ladder; `desk`: the desk does it, so nobody is asked.
    """
    if form.call not in calls:
        yield "call", f"{form.call} is not a call of this pack."
    if not form.scenario:
        yield "scenario", "at least one is needed."
    for at, one in enumerate(form.scenario):
        for place, fault in _story_faults(one, told, DESK_TURNS if desk else TURNS):
            yield f"scenario[{at}].{place}", fault


def _story_faults(story: ScenarioForm, told: frozenset[str], turns: Mapping[str, Turn]) -> Iterator[tuple[str, str]]:
    names = [helper.name for helper in story.helper]
    if len(set(names)) != len(names):
        yield "helper", "two helpers bear the same name."
    if not story.step or story.step[0].do != "press":
        yield "step", "the first step is a press."
    state, at_s = "", 0
    for at, act in enumerate(story.step):
        place = f"step[{at}]"
        if act.at_s < at_s:
            yield f"{place}.at_s", "steps stand in the order of time."
        for who in (act.by, act.asked):
            if who and who not in names:
                yield place, f"{who} is no helper of this scenario."
        if act.told and act.told not in told:
            yield f"{place}.told", f"{act.told} is no target of the call's ladder."
        turn = turns.get(act.do)
        if turn is None:
            yield f"{place}.do", f"one of {', '.join(turns)}."
        else:
            yield from _turn_faults(place, act, turn, state)
        state, at_s = act.state, act.at_s


def _turn_faults(place: str, act: ActForm, turn: Turn, state: str) -> Iterator[tuple[str, str]]:
    if state not in turn.before and (state or turn.before):
        yield f"{place}.do", f"{act.do} cannot happen to a call that is {state or 'not yet placed'}."
    if act.state not in turn.after:
        yield f"{place}.state", f"after {act.do} a call is {' or '.join(sorted(turn.after))}."
    if turn.by and not act.by:
        yield f"{place}.by", "names the helper."
    if act.asked and act.state != "offered":
        yield f"{place}.asked", "somebody is asked only while the call is offered."
