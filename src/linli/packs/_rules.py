"""The rules that a pack's file obeys beyond its form. Each rule yields (place, what is wrong and what is allowed)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

import msgspec

from linli.vocab import FORBIDDEN_NAME, Vocab, vocabulary

from ._filter import Filter
from ._form import Both, CallForm, FieldForm, LadderForm, PackForm, PlanForm, QueryForm
from ._life import MEASURES, STATES, TRANSITIONS
from ._recurring import BadRecurrence, read_every

Faults = Iterator[tuple[str, str]]

_PACK_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_CALL_KEY = re.compile(r"[a-z][a-z0-9]{0,15}\.[a-z][a-z0-9_]{0,47}", re.ASCII)
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)
_SHORT = re.compile(r"\d{0,3}", re.ASCII)
_WITHIN = re.compile(r"[1-9]\d*(\.\d+)? (min|h|d|wh|wd)", re.ASCII)
_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?", re.ASCII)
_WORK = re.compile(r".* w[hd]")

#: Ladder targets that are neither a role nor one of the pack's roles.
OTHER_TARGETS = frozenset({"keyholder", "caller", "node:parent"})
#: Roles that are no person who can pick up a telephone on duty.
_NOT_ON_DUTY = frozenset({"device", "vendor", "peer", "caller", "resident"})
#: The figures of a call, each of which names its source.
FIGURES = ("answer_within_min", "arrive_within_min", "done_within")


class Known:
    """What a pack may name: the vocabulary's lists and its own roles, skills, fields, ladders and calls."""

    def __init__(self, pack: PackForm, vocab: Vocab) -> None:
        """Gather the names of `pack` beside those of `vocab`."""
        self.vocab = vocab
        self.roles = frozenset(vocab.roles) | {role.key for role in pack.role}
        self.bases = {role.key: role.base for role in pack.role}
        self.skills = frozenset(vocab.lists["skill"].codes) | {skill.key for skill in pack.skill}
        self.fields = {field.name: field for field in pack.field}
        self.ladders = {ladder.key: ladder for ladder in pack.ladder}
        self.calls = {call.key: call for call in pack.call}

    def codes(self, name: str) -> frozenset[str]:
        """Return the keys of a code list."""
        return frozenset(self.vocab.lists[name].codes)

    def base(self, role: str) -> str:
        """Return the role of the closed list that a role stands on."""
        return self.bases.get(role, role)


def faults_of(pack: PackForm, folder: str, vocab: Vocab) -> list[tuple[str, str]]:
    """Return everything that is wrong with a pack that has the right form."""
    known = Known(pack, vocab)
    return [fault for rule in _RULES for fault in rule(pack, known)] + list(_header(pack, folder))


def figure_faults(call: CallForm, pack: PackForm) -> Faults:
    """Yield what is wrong with the figures of a call, which stand otherwise in some area."""
    known = Known(pack, vocabulary())
    for rule in (_call_figures, _call_by):
        yield from rule(call, known, call.engine or pack.engine)


def _header(pack: PackForm, folder: str) -> Faults:
    if not _PACK_KEY.fullmatch(pack.key) or pack.key != folder:
        yield "key", "small letters, digits and _, the same as the folder's name."
    if not _VERSION.fullmatch(pack.version):
        yield "version", "three numbers, like 1.0.0."
    if not pack.call:
        yield "call", "a pack offers at least one."


def texts_of(pack: PackForm) -> dict[str, Both]:
    """Return every text of a pack by its place, with keys for places in lists: `call.elder.sos.title`."""
    return dict(_texts_in("", pack))


def _texts_in(place: str, value: object) -> Iterator[tuple[str, Both]]:
    if isinstance(value, Both):
        yield place, value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _texts_in(f"{place}.{name}".lstrip("."), getattr(value, name))
    elif isinstance(value, tuple):
        for at, one in enumerate(value):
            named = getattr(one, "key", None) or getattr(one, "name", None) or str(at)
            yield from _texts_in(f"{place}.{named}", one)


def _texts(pack: PackForm, _: Known) -> Faults:
    yield from _empty_texts("", pack)


def _empty_texts(place: str, value: object) -> Faults:
    if isinstance(value, Both):
        for language, text in value.words().items():
            if not text.strip():
                yield f"{place}.{language}", "is empty; both zh and en are needed."
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _empty_texts(f"{place}.{name.rstrip('_')}".lstrip("."), getattr(value, name))
    elif isinstance(value, tuple):
        for at, one in enumerate(value):
            yield from _empty_texts(f"{place}[{at}]", one)


def _names(pack: PackForm, _: Known) -> Faults:
    groups: Mapping[str, tuple[re.Pattern[str], Iterable[str]]] = {
        "role": (_KEY, (one.key for one in pack.role)),
        "skill": (_KEY, (one.key for one in pack.skill)),
        "field": (_KEY, (one.name for one in pack.field)),
        "ladder": (_KEY, (one.key for one in pack.ladder)),
        "call": (_CALL_KEY, (one.key for one in pack.call)),
        "kpi": (_KEY, (one.key for one in pack.kpi)),
    }
    for group, (form, names) in groups.items():
        seen: set[str] = set()
        for at, name in enumerate(names):
            place = f"{group}[{at}].{'name' if group == 'field' else 'key'}"
            if not form.fullmatch(name):
                yield place, "small letters, digits and _" + (", like elder.sos." if group == "call" else ".")
            if name in seen:
                yield place, f"{name} stands twice."
            seen.add(name)


def _roles(pack: PackForm, known: Known) -> Faults:
    for at, role in enumerate(pack.role):
        if role.base not in known.vocab.roles:
            yield f"role[{at}].base", f"one of {_listed(known.vocab.roles)}."
        if role.key in known.vocab.roles:
            yield f"role[{at}].key", "is a role of the platform already; name that one instead."
        yield from _all_in(f"role[{at}].may", role.may, TRANSITIONS)


def _skills(pack: PackForm, known: Known) -> Faults:
    titles = known.vocab.lists["skill"].codes
    for at, skill in enumerate(pack.skill):
        if skill.key in titles and dict(titles[skill.key]) != skill.title.words():
            yield f"skill[{at}].title", "differs from the vocabulary's title of this skill."
        if bool(skill.proof) != (skill.valid_days is not None):
            yield f"skill[{at}].valid_days", "stands beside proof: both or neither."


def _fields(pack: PackForm, known: Known) -> Faults:
    for at, field in enumerate(pack.field):
        for key, message in _field_faults(field, known):
            yield f"field[{at}].{key}", message
        if not any(field.name in call.fields for call in pack.call):
            yield f"field[{at}].name", "no call asks for it."


def _field_faults(field: FieldForm, known: Known) -> Faults:
    if FORBIDDEN_NAME.search(field.name):
        yield "name", "this is never kept (faces, fingerprints, religion, card numbers)."
    if not field.purpose:
        yield "purpose", "at least one."
    yield from _all_in("purpose", field.purpose, known.codes("purpose"))
    yield from _all_in("mask", (field.mask,), known.codes("mask"))
    if field.pii != "none" and field.mask == "none":
        yield "mask", "a personal field is masked somehow."
    if field.required_at and field.required_at not in STATES:
        yield "required_at", f"one of {_listed(STATES)}."
    if field.circle:
        yield from _all_in("circle", (field.circle,), known.roles)
    yield from _choice_faults(field)
    if field.min is not None and field.max is not None and field.min > field.max:
        yield "max", "is below min."
    try:
        re.compile(field.pattern)
    except re.error:
        yield "pattern", "is no regular expression."


def _choice_faults(field: FieldForm) -> Faults:
    if bool(field.choices) != (field.type == "choice"):
        yield "choices", "stand with type choice, and only there."
    if len({choice.key for choice in field.choices}) != len(field.choices):
        yield "choices", "a key stands twice."
    for at, choice in enumerate(field.choices):
        if not choice.zh.strip() or not choice.en.strip():
            yield f"choices[{at}]", "both zh and en are needed."


def _ladders(pack: PackForm, known: Known) -> Faults:
    for at, ladder in enumerate(pack.ladder):
        if not any(call.ladder == ladder.key for call in pack.call):
            yield f"ladder[{at}].key", "no call uses it."
        if not ladder.step:
            yield f"ladder[{at}].step", "at least one."
            continue
        for n, step in enumerate(ladder.step):
            place = f"ladder[{at}].step[{n}]"
            yield from _all_in(f"{place}.to", (step.to,), known.roles | OTHER_TARGETS)
            yield from _all_in(f"{place}.via", step.via, known.codes("told_by"))
            if not step.via:
                yield f"{place}.via", "at least one."
        for n, (one, after) in enumerate(pairwise(ladder.step), start=1):
            if after.after_s <= one.after_s:
                yield f"ladder[{at}].step[{n}].after_s", "is later than that of the step before."
        yield from _last_rung(at, ladder, known)


def _last_rung(at: int, ladder: LadderForm, known: Known) -> Faults:
    last = ladder.step[-1]
    base = known.base(last.to)
    human = base in known.vocab.roles and base not in _NOT_ON_DUTY
    if not human or "voice" not in last.via:
        place = f"ladder[{at}].step[{len(ladder.step) - 1}].to"
        yield place, "the last rung is a person on duty who is told by voice."


def _calls(pack: PackForm, known: Known) -> Faults:
    for at, call in enumerate(pack.call):
        for rule in (_call_names, _call_words, _call_figures, _call_by, _call_states):
            for key, message in rule(call, known, call.engine or pack.engine):
                yield f"call[{at}].{key}", message


def _call_names(call: CallForm, known: Known, _: str) -> Faults:
    yield from _all_in("channels", call.channels, known.codes("mouth"))
    yield from _all_in("callers", call.callers, known.roles | {"engine"})
    for key in ("channels", "callers"):
        if not getattr(call, key):
            yield key, "at least one."
    yield from _all_in("fields", call.fields, frozenset(known.fields))
    yield from _all_in("skills", call.skills, known.skills)
    for one in call.evidence:
        kind, _, field = one.partition(":")
        if field and (kind != "form" or field not in call.fields):
            yield "evidence", f"{one}: form:<field> names a field of this call."
        yield from _all_in("evidence", (kind,), known.codes("evidence"))
    for one in call.notices:
        who, _, states = one.partition(":")
        yield from _all_in("notices", (who,), known.roles | OTHER_TARGETS)
        yield from _all_in("notices", states.split(","), STATES | {state.key for state in call.extra_states})
    if call.circle:
        yield from _all_in("circle", (call.circle,), known.roles)
    if call.eligible:
        yield from _query_faults("eligible.q", QueryForm(type="Resident", q=call.eligible.q), known)


def _call_words(call: CallForm, _: Known, __: str) -> Faults:
    if not _SHORT.fullmatch(call.short):
        yield "short", "at most three digits."
    if not _KEY.fullmatch(call.icon):
        yield "icon", "one word in small letters."
    for word in call.words:
        if not word.strip() or word != word.lower():
            yield "words", f"{word!r}: small letters, not empty."
    for language in ("zh", "en"):
        sentences = getattr(call.say, language) if call.say else ("",)
        if call.say and not all(one.strip() for one in sentences or ("",)):
            yield f"say.{language}", "at least one sentence, none empty."
    for at, price in enumerate(call.price):
        if not price.source.strip():
            yield f"price[{at}].source", "where the price comes from, or (proposal)."


def _call_figures(call: CallForm, known: Known, engine: str) -> Faults:
    if call.done_within and not _WITHIN.fullmatch(call.done_within):
        yield "done_within", "a number and min, h, d, wh or wd, like 4 wh."
    elif call.done_within and bool(_WORK.fullmatch(call.done_within)) != (call.calendar == "work"):
        yield "calendar", "work with wh or wd, elapsed with min, h or d."
    if call.urgency >= 2 and call.calendar == "work":
        yield "calendar", "an urgent call never waits for office hours: elapsed."
    if call.reserve and call.urgency < 2:
        yield "reserve", "helpers are kept free for urgent calls only (urgency 2 or 3)."
    if not any(getattr(call, figure) for figure in FIGURES):
        yield "arrive_within_min", f"at least one of {', '.join(FIGURES)}."
    if call.urgency == 3 and call.confirm == "none":
        yield "confirm", "a call of life and death is never ended by a machine alone."
    if engine == "dispatch" and not call.ladder:
        yield "ladder", "a call that is dispatched names its ladder."
    if call.ladder:
        yield from _all_in("ladder", (call.ladder,), frozenset(known.ladders))


def _call_by(call: CallForm, _: Known, engine: str) -> Faults:
    if call.by == "desk" and (engine != "dispatch" or call.skills or call.arrive_within_min):
        yield "by", "what the desk does is of engine dispatch, without skills and without arrive_within_min."
    if call.by == "desk" and call.comes_to == "place":
        yield "comes_to", "nobody comes, because the desk does it: leave it out."


def _call_states(call: CallForm, _: Known, __: str) -> Faults:
    extra = {state.key for state in call.extra_states}
    for at, state in enumerate(call.extra_states):
        place = f"extra_states[{at}]"
        if state.key in STATES or not _KEY.fullmatch(state.key):
            yield f"{place}.key", "small letters, digits and _, and none of the common states."
        for key, states in (("from", state.from_), ("to", state.to)):
            if not states:
                yield f"{place}.{key}", "at least one, or the state could never be entered or left."
            yield from _all_in(f"{place}.{key}", states, STATES | extra)
    edges = {(one, state.key) for state in call.extra_states for one in state.from_}
    edges |= {(state.key, one) for state in call.extra_states for one in state.to}
    for name in sorted(extra - _followed(edges)):
        yield "extra_states", f"{name} cannot be reached from a common state."
    for name in sorted(extra - _followed({(to, start) for start, to in edges})):
        yield "extra_states", f"from {name} no common state can be reached."


def _followed(edges: set[tuple[str, str]]) -> set[str]:
    """Return every state that can be reached from the common states along `edges`."""
    found = set(STATES)
    while more := {to for start, to in edges if start in found} - found:
        found |= more
    return found


def _plans(pack: PackForm, known: Known) -> Faults:
    for at, plan in enumerate(pack.plan):
        yield from _all_in(f"plan[{at}].makes", (plan.makes,), frozenset(known.calls))
        yield from _query_faults(f"plan[{at}].for.q", plan.for_, known, f"plan[{at}].for.type")
        yield from _every_faults(f"plan[{at}].every", plan)
        if not _DURATION.fullmatch(plan.grace):
            yield f"plan[{at}].grace", "a duration, like PT30M."
        makes = known.calls.get(plan.makes)
        if makes and "plan" not in makes.channels:
            yield f"plan[{at}].makes", "this call does not come from a plan: add the channel plan."


def _every_faults(place: str, plan: PlanForm) -> Faults:
    try:
        if plan.every or plan.calendar == "elapsed":
            read_every(plan.every)
    except BadRecurrence as error:
        yield place, f"a rule of RFC 5545, like FREQ=DAILY;BYHOUR=9. {error}".rstrip()


def _query_faults(place: str, query: QueryForm, known: Known, type_place: str = "") -> Faults:
    """Yield what is wrong with a query: its type is ours, and it compares attributes of that type."""
    yield from _all_in(type_place, (query.type,), frozenset(known.vocab.types))
    found = Filter.read(query.q)
    if found is None:
        yield place, "comparisons like livesAlone==true, several joined by ;."
    elif query.type in known.vocab.types:
        yield from _all_in(place, found.names, frozenset(known.vocab.types[query.type].attributes))


def _alarms(pack: PackForm, known: Known) -> Faults:
    events: set[str] = set()
    for at, alarm in enumerate(pack.alarm):
        yield from _all_in(f"alarm[{at}].call", (alarm.call,), frozenset(known.calls))
        if not _KEY.fullmatch(alarm.event) or alarm.event in events:
            yield f"alarm[{at}].event", "small letters, digits and _, each event once."
        events.add(alarm.event)
        call = known.calls.get(alarm.call)
        if call and "device" not in call.channels:
            yield f"alarm[{at}].call", "this call does not come from a device: add the channel device."


def _kpis(pack: PackForm, known: Known) -> Faults:
    for at, kpi in enumerate(pack.kpi):
        if not kpi.of:
            yield f"kpi[{at}].of", "at least one."
        yield from _all_in(f"kpi[{at}].of", kpi.of, frozenset(known.calls))
        for key, said in (("num", kpi.num), ("den", kpi.den)):
            found = Filter.read(said)
            if not said or found is None:
                yield f"kpi[{at}].{key}", "all, or a filter like ack_s<=60, several joined by &."
            else:
                yield from _all_in(f"kpi[{at}].{key}", found.names, MEASURES)
        if not kpi.source.strip():
            yield f"kpi[{at}].source", "where the target comes from, or (proposal)."


def _laws(pack: PackForm, _: Known) -> Faults:
    needed = {f"{call.key}.{figure}" for call in pack.call for figure in FIGURES if getattr(call, figure)}
    needed |= {f"ladder.{ladder.key}" for ladder in pack.ladder} | {f"plan.{plan.makes}" for plan in pack.plan}
    given: set[str] = set()
    for at, law in enumerate(pack.law):
        if law.of not in needed:
            yield f"law[{at}].of", f"{law.of} is no figure of this pack."
        if law.of in given:
            yield f"law[{at}].of", f"{law.of} stands twice."
        if not law.source.strip():
            yield f"law[{at}].source", "a source, or (proposal)."
        given.add(law.of)
    for figure in sorted(needed - given):
        yield "law", f"{figure} has no source; write one, or (proposal)."


_RULES: tuple[Callable[[PackForm, Known], Faults], ...] = (
    _texts, _names, _roles, _skills, _fields, _ladders, _calls, _plans, _alarms, _kpis, _laws,
)  # fmt: skip


def _all_in(place: str, said: Iterable[str], allowed: Iterable[str]) -> Faults:
    names = frozenset(allowed)
    for one in said:
        if one not in names:
            yield place, f"{one!r} is not one of {_listed(names)}."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
