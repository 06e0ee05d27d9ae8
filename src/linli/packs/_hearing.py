"""Which kind of call somebody means, and what is answered: by the words and sentences that the packs themselves give.

It is a first guess for the telephone, a message or a search box: a person confirms it, and a call that could be about life
is raised by its words whatever kind is found. Nothing is learned, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from linli.base import say
from linli.dispatch import Kind

from ._form import CallForm, PriceForm
from ._packs import Pack, Packs

#: how alike a sentence must be to one of a pack, when none of its words is said
ALIKE_MIN = 0.55
TEXT_MAX = 1000
LIFE, URGENT = 3, 2
_EXACT = 1000.0
_UNITS = {"min": "minutes", "h": "hours", "d": "days", "wh": "work_hours", "wd": "work_days"}


@dataclass(frozen=True, slots=True)
class Heard:
    """What was understood. `call` is "" when nothing was; `answer` is in the language that was asked for."""

    call: str
    urgency: int
    answer: str


def hear(packs: Packs, text: str, language: str) -> Heard:
    """Return which kind is meant by `text`, how urgent it is, and what to answer in `language` (zh or en)."""
    said = text[:TEXT_MAX].lower().strip()
    urgency = max((level for word, level in packs.urgent_words.items() if word in said), default=0)
    scored = [(_score(call, said), call.urgency, call.key, pack) for pack, call in _calls(packs)]
    best = max(scored, key=lambda one: (one[0], one[1]), default=None)
    if best is None or best[0] == 0.0:
        key = "life_unclear" if urgency == LIFE else "unclear"
        return Heard("", urgency, say(f"pack.{key}", language))
    _, own, key, pack = best
    urgency = max(urgency, own)
    return Heard(key, urgency, answer(pack, key, language, urgency))


def answer(pack: Pack, key: str, language: str, urgency: int) -> str:
    """Return what is said to somebody who asked for a call of a pack."""
    call = next(one for one in pack.form.call if one.key == key)
    title = call.title.words()[language]
    if key in pack.waiting:
        return say("pack.waiting", language, title=title)
    kind = pack.kinds[key]
    sentences = [say("pack.life" if urgency == LIFE else "pack.taken", language, title=title)]
    if urgency < LIFE or kind.urgency >= URGENT:  # raised by its words, it has another pace than its kind's
        sentences.append(_promise(kind, call, language))
    sentences += [_price(price, language) for price in call.price if urgency < URGENT]
    return ("" if language == "zh" else " ").join(sentences)


def _price(price: PriceForm, language: str) -> str:
    title = price.title.words()[language]
    if not price.amount:
        return say("pack.free", language, title=title)
    currency = say(f"pack.currency.{price.currency}", language) if price.currency == "CNY" else price.currency
    per = say(f"pack.per.{price.per}", language)
    return say("pack.price", language, title=title, amount=f"{price.amount:g}", currency=currency, per=per)


def _promise(kind: Kind, call: CallForm, language: str) -> str:
    if not kind.desk:
        amount, unit = _rounded(kind.arrive_within_min)
        key = "pack.comes" if call.comes_to == "person" else "pack.sees_to"
        return say(key, language, within=say(f"pack.within.{unit}", language, n=amount))
    if kind.done is None:
        return say("pack.desk", language)
    number, _, unit = kind.done.limit.partition(" ")
    return say("pack.done", language, within=say(f"pack.within.{_UNITS[unit]}", language, n=number))


def _rounded(minutes: float) -> tuple[str, str]:
    """Return a time in the unit in which people say it."""
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size and minutes % size == 0:
            return f"{minutes / size:g}", unit
    return f"{minutes:g}", "minutes"


def _calls(packs: Packs) -> Iterator[tuple[Pack, CallForm]]:
    for pack in packs.packs.values():
        for call in pack.form.call:
            yield pack, call


def _score(call: CallForm, said: str) -> float:
    sentences = [one.lower() for one in (*call.say.zh, *call.say.en)] if call.say else []
    if said in sentences:
        return _EXACT
    words = [len(word) for word in call.words if word in said]
    if words:
        return max(words) + 0.1 * len(words)
    alike = max((_alike(said, one) for one in sentences), default=0.0)
    return alike if alike >= ALIKE_MIN else 0.0


def _alike(one: str, other: str) -> float:
    """Return how many pairs of neighbouring letters two sentences share, 0 to 1."""
    a, b = ({text[at : at + 2] for at in range(len(text) - 1)} for text in (one, other))
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0
