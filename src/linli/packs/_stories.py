"""Writes the six stories that every call should prove, from the pack's own figures: a start for its author to change.

They say what the pack promises; `linli pack test` plays them on the real engine, which may find otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from linli.dispatch import Kind

from ._packs import Pack

NEAR_MIN, FAR_MIN = 5, 15
DAY_S = 24 * 3600

_TITLES = {
    "good": ("顺利完成", "All goes well"),
    "unconfirmed": ("没有人确认，到时自动确认", "Nobody confirms: after a day it counts as confirmed"),
    "no_answer": ("没有应答", "No answer"),
    "nobody": ("附近没有人，逐级上报", "Nobody is near: one level after the other is told"),
    "decline": ("第一位谢绝，第二位接单", "The first one declines, the second one comes"),
    "cancel": ("人还没到，呼叫人取消", "The caller cancels before anybody arrives"),
    "reopen": ("没有做好，再次处理", "It was not put right: the call is opened again"),
    "false_alarm": ("核实是误报", "It turns out to be a false alarm"),
}

Step = dict[str, Any]


def story_files(pack: Pack) -> dict[str, str]:
    """Return a scenario file, name -> content, for each call of the pack that can run and has no stories yet."""
    told = {one.call for one in pack.scenarios}
    targets = {ladder.key: [step.to for step in ladder.step] for ladder in pack.form.ladder}
    ladders = {call.key: targets.get(call.ladder, []) for call in pack.form.call}
    return {
        f"tests/{key.replace('.', '_')}.toml": _file(kind, ladders[key])
        for key, kind in pack.kinds.items()
        if key not in told
    }


def _file(kind: Kind, ladder: list[str]) -> str:
    lines = [f"# Short stories of {kind.key}.", "schema = 1", f'call = "{kind.key}"']
    for name, steps in (_desk_stories if kind.desk else _stories)(kind, ladder).items():
        zh, en = _TITLES[name]
        proves = {"unconfirmed": "good", "nobody": "no_answer"}.get(name, name)
        lines += ["", "[[scenario]]", f'proves = "{proves}"', f'title = {{zh = "{zh}", en = "{en}"}}']
        if not kind.desk and name != "nobody":
            lines.append(f'helper = [{{name = "near", minutes = {NEAR_MIN}}}, {{name = "far", minutes = {FAR_MIN}}}]')
        lines += ["step = [", *(f"  {_inline(step)}," for step in steps), "]"]
    return "\n".join(lines) + "\n"


def _stories(kind: Kind, ladder: list[str]) -> Mapping[str, list[Step]]:
    press = _step("press", 0, "offered", asked="near")
    accept = _step("accept", 20, "accepted", by="near")
    late_s = round(kind.offer_open_min * 60)
    arrive = _step("arrive", 40 + 60 * NEAR_MIN, "on_site", by="near")
    finish_s = arrive["at_s"] + 600
    served = [press, accept, _step("depart", 40, "en_route", by="near"), arrive, _finish(kind, finish_s, "near")]
    stories = {
        "good": served + _confirmed(kind, finish_s),
        "unconfirmed": served + _unconfirmed(kind, finish_s),
        "no_answer": [
            press,
            _step("timeout", late_s, "offered", by="near", asked="far"),
            _step("accept", late_s + 20, "accepted", by="far"),
        ],
        "nobody": [_step("press", 0, "no_provider"), *_rungs(kind, ladder, "no_provider")],
        "decline": [
            press,
            _step("decline", 15, "offered", by="near", asked="far"),
            _step("accept", 30, "accepted", by="far"),
        ],
        "cancel": [press, accept, _step("cancel", 30, "cancelled")],
        "reopen": [*served, _step("reopen", finish_s + 300, "offered", asked="near")],
        "false_alarm": [press, accept, arrive, _step("false_alarm", arrive["at_s"] + 60, "false_alarm")],
    }
    return stories if kind.confirm != "none" else {name: one for name, one in stories.items() if name != "unconfirmed"}


def _desk_stories(kind: Kind, ladder: list[str]) -> Mapping[str, list[Step]]:
    press, take = _step("press", 0, "triaged"), _step("take", 20, "accepted")
    served = [press, take, _finish(kind, 320, "")]
    return {
        "good": served + _confirmed(kind, 320),
        "no_answer": [press, *_rungs(kind, ladder, "triaged")],
        "cancel": [press, take, _step("cancel", 60, "cancelled")],
        "reopen": [*served, _step("reopen", 620, "triaged")],
        "false_alarm": [press, _step("false_alarm", 40, "false_alarm")],
    }


def _finish(kind: Kind, at_s: int, by: str) -> Step:
    return _step("finish", at_s, "confirmed" if kind.confirm == "none" else "done", by=by)


def _confirmed(kind: Kind, finish_s: int) -> list[Step]:
    confirmed_s = finish_s if kind.confirm == "none" else finish_s + 300
    steps = [] if kind.confirm == "none" else [_step("confirm", confirmed_s, "confirmed")]
    return [*steps, _step("close", confirmed_s + DAY_S, "closed")]


def _unconfirmed(kind: Kind, finish_s: int) -> list[Step]:
    return [] if kind.confirm == "none" else [_step("confirm_timeout", finish_s + DAY_S, "confirmed")]


def _rungs(kind: Kind, ladder: list[str], state: str) -> Iterator[Step]:
    for rung, to in zip(kind.ladder, ladder, strict=True):
        yield _step("rung", rung.after_s, state, told=to)


def _step(do: str, at_s: int, state: str, **more: str) -> Step:
    return {"do": do, "at_s": at_s, "state": state, **{name: value for name, value in more.items() if value}}


def _inline(step: Step) -> str:
    values = ", ".join(
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in step.items()
    )
    return f"{{{values}}}"
