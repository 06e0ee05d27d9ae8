"""The page of a pack, made from the pack: what it offers, how fast, who is told, what is asked and how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator

from linli.base import both, texts

from ._form import CallForm, LadderForm
from ._packs import Pack
from ._simulate import Simulated

_URGENCY = ("routine", "soon", "urgent", "life")


def page_of(pack: Pack, simulated: Simulated | None = None) -> str:
    """Return the page as Markdown; with what a simulation found if there was one."""
    return "\n".join(_lines(pack, simulated)) + "\n"


def _lines(pack: Pack, simulated: Simulated | None) -> Iterator[str]:
    yield f"# {pack.title['zh']} {pack.title['en']}"
    yield ""
    yield f"{pack.summary['zh']}。{pack.summary['en']}."
    yield ""
    yield f"Pack `{pack.key}`, version {pack.version}, quality **{pack.quality}**. For the next tier it lacks:"
    yield ""
    yield from (f"- {lack}" for lack in pack.missing)
    yield ""
    yield from _calls(pack)
    yield from _ladders(pack)
    yield from _fields(pack)
    yield from _recurring(pack)
    yield from _figures(pack, simulated)


def _calls(pack: Pack) -> Iterator[str]:
    yield "## What it offers"
    for call in pack.form.call:
        yield ""
        yield f"### {call.title.zh} {call.title.en} (`{call.key}`)"
        yield ""
        yield f"{call.summary.zh}。{call.summary.en}."
        yield ""
        yield from (f"- {fact}" for fact in _facts(pack, call))
    yield ""


def _facts(pack: Pack, call: CallForm) -> Iterator[str]:
    if call.key in pack.waiting:
        yield f"**Waits for the engine `{pack.waiting[call.key]}`**: declared whole, not taken yet."
    yield f"Quality: {pack.tiers[call.key]}. Urgency: {_URGENCY[call.urgency]}."
    who = "the desk does it, nobody travels" if call.by == "desk" else f"a helper who can do {_list(call.skills)}"
    who += ", who goes to the place only" if call.comes_to == "place" else ""
    yield f"Who: {who}. Asked for by {_list(call.callers)}, through {_list(call.channels)}."
    sources = {law.of: f"{law.source}{': ' + law.text if law.text else ''}" for law in pack.form.law}
    for name, unit in (("answer_within_min", "min to answer"), ("arrive_within_min", "min to arrive")):
        if figure := getattr(call, name):
            yield f"{figure:g} {unit}: {sources.get(f'{call.key}.{name}', '')}."
    if call.done_within:
        yield f"{call.done_within} until it is done ({call.calendar}): {sources.get(f'{call.key}.done_within', '')}."
    yield from _more_facts(call)


def _more_facts(call: CallForm) -> Iterator[str]:
    if call.evidence:
        yield f"Evidence: {_list(call.evidence)}."
    if call.notices:
        yield f"Told: {_list(call.notices)}."
    if call.short:
        yield f"Short number {call.short}."
    if call.circle:
        yield f"Closed circle: only {call.circle} reads what it is about."
    if call.two_persons:
        yield "Two persons go."
    if call.eligible:
        yield f"For whom: {call.eligible.title.zh} {call.eligible.title.en}."
    for price in call.price:
        yield f"Price: {price.title.zh} {price.title.en}, {price.amount:g} {price.currency} a {price.per} ({price.source})."
    if call.extra_states:
        yield f"States of its own: {_list(f'{one.title.zh} {one.title.en}' for one in call.extra_states)}."
    if call.say:
        yield f"People say: {_list(f'“{one}”' for one in (*call.say.zh[:3], *call.say.en[:3]))}."


def _ladders(pack: Pack) -> Iterator[str]:
    if pack.form.ladder:
        yield "## Who is told when nobody comes"
        yield ""
    for ladder in pack.form.ladder:
        used = _list(f"`{call.key}`" for call in pack.form.call if call.ladder == ladder.key)
        yield f"**{ladder.key}** ({used}): {'; '.join(_rungs(ladder))}."
        yield ""


def _rungs(ladder: LadderForm) -> Iterator[str]:
    known = texts("zh")
    for step in ladder.step:
        key = f"call.level.{step.to.replace(':', '_')}"
        to = "{zh} {en}".format(**both(key)) if key in known else f"`{step.to}`"
        again = f", again each {step.repeat_s} s" if step.repeat_s else ""
        yield f"after {step.after_s} s {to} by {_list(step.via)}{again}"


def _fields(pack: Pack) -> Iterator[str]:
    if not pack.form.field:
        return
    yield "## What is asked, and how long it is kept"
    yield ""
    yield "| field | 中文 | English | kind | privacy | purpose | kept, days after the close |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for field in pack.form.field:
        needed = f", needed at {field.required_at}" if field.required_at else ""
        row = (field.title.zh, field.title.en, field.type + needed, field.pii, _list(field.purpose), field.keep_days)
        yield f"| `{field.name}` | {' | '.join(str(cell) for cell in row)} |"
    yield ""


def _recurring(pack: Pack) -> Iterator[str]:
    if pack.form.plan or pack.form.alarm:
        yield "## What comes by itself"
        yield ""
    for plan in pack.form.plan:
        yield f"- `{plan.every or 'each working day'}` for each {plan.for_.type} {plan.for_.q}: `{plan.makes}`, after {plan.grace}"
    for alarm in pack.form.alarm:
        yield f"- a device reports `{alarm.event}`: `{alarm.call}`, joined within {alarm.merge_s} s"
    if pack.form.plan or pack.form.alarm:
        yield ""


def _figures(pack: Pack, simulated: Simulated | None) -> Iterator[str]:
    if pack.form.kpi:
        yield "## What is watched"
        yield ""
    for kpi in pack.form.kpi:
        row = f"- {kpi.title.zh} {kpi.title.en}: `{kpi.num}` of `{kpi.den}`, target {kpi.target:.1%} ({kpi.source}), "
        yield row + f"shown from {kpi.min_n} calls on"
    if pack.form.kpi:
        yield ""
    if simulated is not None:
        yield "## A small simulated day of each kind"
        yield ""
        yield from simulated_table(simulated)


def simulated_table(simulated: Simulated) -> Iterator[str]:
    """Yield the table of a simulation."""
    yield "| kind | calls | closed | climbed its ladder | median wait, min | answered in time | there in time | done in time |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for one in simulated.outcomes:
        wait = "" if one.wait_min is None else f"{one.wait_min:.1f}"
        shares = (one.answered_in_time, one.arrived_in_time, one.done_in_time)
        cells = ["" if share is None else f"{share:.0%}" for share in shares]
        yield f"| `{one.call}` | {one.calls} | {one.closed} | {one.climbed} | {wait} | {' | '.join(cells)} |"
    for call, engine in simulated.waiting.items():
        yield f"| `{call}` | waits for the engine `{engine}` | | | | | | |"


def _list(parts: object) -> str:
    return ", ".join(str(part) for part in parts) if parts else "anything"  # type: ignore[attr-defined]
