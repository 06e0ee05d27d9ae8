"""The form of a pack file: what may stand in `pack.toml`, key by key. Anything else is refused."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")
Figure = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Whole = Annotated[int, Meta(ge=0)]
Engine = Literal["dispatch", "cases", "gate"]


class Form(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Every table of a pack: unknown keys are refused."""


class Both(Form):
    """A text in both languages; more languages stand in files of their own."""

    zh: str
    en: str

    def words(self) -> dict[str, str]:
        """Return the text by language."""
        return {"zh": self.zh, "en": self.en}


class RoleForm(Form):
    """A role of the pack, on the base of a role of the trust room; `may` names transitions."""

    key: str
    title: Both
    base: str
    may: tuple[str, ...] = ()


class SkillForm(Form):
    """A skill; `proof` is the kind of certificate, which is good for `valid_days`."""

    key: str
    title: Both
    proof: str = ""
    valid_days: Annotated[int, Meta(ge=1)] | None = None


class ChoiceForm(Form):
    """One choice of a field."""

    key: str
    zh: str
    en: str


class FieldForm(Form):
    """One field of a form, with its privacy. Units: `keep_days` days after the call is closed; 0 = gone at the close.

    `circle`: the only role that reads it, beside whoever wrote it.
    """

    name: str
    title: Both
    type: Literal[
        "text", "int", "number", "bool", "date", "time", "choice", "place", "photo", "signature", "code", "person",
        "org", "entity",
    ]  # fmt: skip
    pii: Literal["none", "personal", "sensitive", "minor"]
    purpose: tuple[str, ...]
    keep_days: Whole
    unit: str = ""
    mask: str = "all"
    required_at: str = ""
    min: float | None = None
    max: float | None = None
    pattern: str = ""
    choices: tuple[ChoiceForm, ...] = ()
    circle: str = ""


class StepForm(Form):
    """One rung. Units: seconds after the call's receipt."""

    after_s: Whole
    to: str
    via: tuple[str, ...]
    repeat_s: Whole = 0
    until: Literal["ack", "accept"] = "accept"


class LadderForm(Form):
    """Who is told, one after another, while nobody has taken the call."""

    key: str
    step: tuple[StepForm, ...]


class StateForm(Form, rename={"from_": "from"}):
    """A state beyond the common ones, entered from and left to common or other extra states."""

    key: str
    title: Both
    from_: tuple[str, ...]
    to: tuple[str, ...]


class SayForm(Form):
    """Sentences by which people ask for it, in both languages."""

    zh: tuple[str, ...]
    en: tuple[str, ...]


class PriceForm(Form):
    """What it usually costs, as information: linli takes no money. Units: `amount` of `currency` for one `per`."""

    title: Both
    amount: Annotated[float, Meta(ge=0)]
    per: Literal["call", "visit", "hour", "day", "month", "year", "item", "km"]
    source: str
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "CNY"


class EligibleForm(Form):
    """For whom it is, as information; `q` says the same of a Resident. Nobody is turned away by a machine."""

    title: Both
    q: str = ""


class CallForm(Form):
    """One kind of call. Units: minutes; decimals are allowed (0.25 = 15 s).

    `by`: a helper is found and comes, or the desk does it without anybody on the way. `comes_to`: to a person, or only to
    a place, as to a bin; then nobody is told that somebody will be with him.
    """

    key: str
    title: Both
    summary: Both
    channels: tuple[str, ...]
    callers: tuple[str, ...]
    icon: str = "help"
    engine: Engine | None = None
    by: Literal["helper", "desk"] = "helper"
    comes_to: Literal["person", "place"] = "person"
    short: str = ""
    words: tuple[str, ...] = ()
    say: SayForm | None = None
    price: tuple[PriceForm, ...] = ()
    eligible: EligibleForm | None = None
    fields: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    urgency: Annotated[int, Meta(ge=0, le=3)] = 1
    answer_within_min: Figure | None = None
    arrive_within_min: Figure | None = None
    done_within: str = ""
    service_min: Figure = 25.0
    calendar: Literal["elapsed", "work"] = "elapsed"
    ladder: str = ""
    evidence: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    confirm: Literal["caller", "guardian", "seat", "none"] = "caller"
    rate: bool = True
    circle: str = ""
    two_persons: bool = False
    reserve: Share = 0.0
    extra_states: tuple[StateForm, ...] = ()


class QueryForm(Form):
    """Which entities a plan is for; one that is about a person (its `subject`) stands for him."""

    type: str
    q: str = ""


class PlanForm(Form, rename={"for_": "for"}):
    """Recurring work: `every` is an RFC 5545 rule in the node's time zone, `grace` an ISO 8601 duration.

    With the calendar `work` an occurrence on a day off moves to the next working day; without `every` there is one
    each working day when the offices open. The calls are placed `grace` after the occurrence.
    """

    for_: QueryForm
    makes: str
    every: str = ""
    grace: str = "PT0M"
    calendar: Literal["elapsed", "work"] = "elapsed"


class AlarmForm(Form):
    """A device's event becomes a call, or joins an open one of the same person within `merge_s` seconds."""

    event: str
    call: str
    merge_s: Whole = 120


class KpiForm(Form):
    """A figure that is watched: `num` of `den`, shown from `min_n` calls on."""

    key: str
    title: Both
    of: tuple[str, ...]
    num: str
    den: str
    min_n: Annotated[int, Meta(ge=1)]
    target: Share
    source: str


class LawForm(Form):
    """Where a figure comes from: a source, or `(proposal)`."""

    of: str
    source: str
    text: str = ""


class PackForm(Form):
    """A whole pack file."""

    schema: Literal[1]
    key: str
    version: str
    title: Both
    summary: Both
    engine: Engine = "dispatch"
    role: tuple[RoleForm, ...] = ()
    skill: tuple[SkillForm, ...] = ()
    field: tuple[FieldForm, ...] = ()
    ladder: tuple[LadderForm, ...] = ()
    call: tuple[CallForm, ...] = ()
    plan: tuple[PlanForm, ...] = ()
    alarm: tuple[AlarmForm, ...] = ()
    kpi: tuple[KpiForm, ...] = ()
    law: tuple[LawForm, ...] = ()


class BadForm(ValueError):
    """A file does not have its form; the message starts with the place."""


_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<place>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(\w+)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)


def read_form(tree: Any, form: type[T]) -> T:
    """Return `tree` in its form. Raises: BadForm: with the place and what is expected there."""
    try:
        return msgspec.convert(tree, form)
    except msgspec.ValidationError as error:
        raise BadForm(_in_our_words(str(error))) from None


def _in_our_words(said: str) -> str:
    match = _AT.match(said)
    what, place = (match["what"], match["place"] or "") if match else (said, "")
    if missing := _MISSING.match(what):
        return f"{_joined(place, missing[1])}: is missing."
    if unknown := _UNKNOWN.match(what):
        return f"{_joined(place, unknown[1])}: unknown key."
    return f"{place or 'the file'}: {what[:1].lower()}{what[1:].replace('`', '').replace(' | null', '')}."


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)
