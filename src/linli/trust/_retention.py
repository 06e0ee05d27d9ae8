"""How long what is known may be kept: when each attribute of an entity must go, and a clock that one leap does not fool.

The vocabulary says of each attribute how many days it is kept, and from when. Here that becomes a moment, from nothing but
the facts of one entity. An attribute that is kept for as long as the entity lives, or whose days have not begun (the call is
still open), has none. A local rule may shorten, an order or a legal hold lengthens; nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from linli.base import SECOND_US, from_wire_time, setting
from linli.base.errors import BadRequestData, BadSetting
from linli.vocab import Attribute, EntityType, Vocab

from ._minors import begin_us
from ._orders import DAY_US, EPIDEMIC

SHORTER = setting(
    "retention.shorter",
    [],
    "Local rules that keep less long than the vocabulary: Type=days or Type.attribute=days, like EntryExitRecord=14.",
)

#: attributes that say when what they belong to was over, by what the days count from; the earliest of them counts
ENDS: Mapping[str, tuple[str, ...]] = {
    "closed": ("closedAt", "collectedAt", "answeredAt", "checkOutAt"),
    "ended": ("endedAt", "revokedAt", "until", "to", "validTo"),
    "expired": ("to", "until", "validTo"),
    "withdrawn": ("withdrawnAt",),
}
#: states in which something is closed; it is so since `stateAt`, else since the state was written
CLOSED = frozenset(
    {"closed", "cancelled", "falseAlarm", "false", "collected", "returned", "out", "expired", "refused", "revoked"}
)
#: attributes that say when something was observed, where the instance itself does not
OBSERVED = ("at", "dateObserved", "checkInAt", "dateObservedTo", "date")
#: types that end with the stay of persons here, and the relationship to them; of a resident it is his own
ENDS_WITH: Mapping[str, str] = {
    "Resident": "",
    "Household": "members",
    "CarePlan": "subject",
    "EmergencyCard": "subject",
    "Device": "wearer",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One value that an entity says itself, and when that was written."""

    value: str
    written_us: int


@dataclass(frozen=True, slots=True)
class Life:
    """What is to be known of an entity: its scopes, when it was made, the moments and the state that it says.

    `said`: short name -> value, of attributes that are a date, a datetime or a state. `ended_us`: when the relation ended on
    which it stands, where that is said elsewhere (the home of a resident). `held_until_us`: a legal hold.
    """

    created_us: int
    scopes: tuple[str, ...] = ()
    said: Mapping[str, Said] = field(default_factory=dict)
    ended_us: int | None = None
    held_until_us: int = 0


class Retention:
    """Knows for how many days each attribute is kept."""

    def __init__(self, vocab: Vocab, zone: ZoneInfo, shorter: Iterable[str] = ()) -> None:
        """Take the vocabulary's days, and the local rules that shorten them.

        Raises: BadSetting: a rule cannot be read, names what there is not, or would lengthen.
        """
        self._zone = zone
        self._days = {
            (entity.name, one.name): one.keep_days
            for entity in vocab.types.values()
            for one in entity.attributes.values()
        }
        for rule in shorter:
            self._shorten(vocab, rule)
        limited = {type_name for (type_name, _), days in self._days.items() if days >= 0}
        self._limited = limited | {one.name for one in vocab.types.values() if _collects(one)}

    def limits(self, type_name: str) -> bool:
        """Tell whether anything of a type ever has to go."""
        return type_name in self._limited

    def keep_days(self, entity_type: EntityType, attribute: Attribute) -> int:
        """Return for how many days an attribute is kept, -1 for as long as the entity lives."""
        return self._days[entity_type.name, attribute.name]

    def due_us(
        self,
        entity_type: EntityType,
        attribute: Attribute,
        life: Life,
        *,
        written_us: int,
        observed_us: int | None = None,
    ) -> int | None:
        """Return when an instance of an attribute must go, in microseconds; None when it may stay, or nobody knows yet.

        `written_us`: when the instance was written; `observed_us`: what it says of its own time.
        """
        days = self._days[entity_type.name, attribute.name]
        if days < 0:
            return None
        from_us = self._from_us(attribute.keep_from, life, written_us, observed_us)
        return None if from_us is None else max(from_us + days * DAY_US, life.held_until_us)

    def _from_us(self, keep_from: str, life: Life, written_us: int, observed_us: int | None) -> int | None:
        if keep_from == "created":
            return written_us
        if keep_from == "observed":
            said = (self._moment_us(life.said[name].value) for name in OBSERVED if name in life.said)
            return (
                observed_us if observed_us is not None else next((one for one in said if one is not None), written_us)
            )
        ends = [self._end_us(life.said[name].value) for name in ENDS[keep_from] if name in life.said]
        if keep_from == "ended" and life.ended_us is not None:
            ends.append(life.ended_us)
        if keep_from == "closed" and not ends and (state := life.said.get("state")) and state.value in CLOSED:
            since = life.said.get("stateAt")
            ends.append((self._moment_us(since.value) if since else None) or state.written_us)
        return min((one for one in ends if one is not None), default=None)

    def _moment_us(self, text: str) -> int | None:
        try:
            return from_wire_time(text) if "T" in text else begin_us(date.fromisoformat(text), self._zone)
        except (ValueError, BadRequestData):
            return None

    def _end_us(self, text: str) -> int | None:
        """Return when something is over: a day is over when the next one begins."""
        return end_us(text, self._zone)

    def _shorten(self, vocab: Vocab, rule: str) -> None:
        what, _, days_text = rule.partition("=")
        type_name, _, name = what.strip().partition(".")
        entity_type = vocab.types.get(type_name)
        if entity_type is None or (name and name not in entity_type.attributes) or not days_text.strip().isdecimal():
            raise BadSetting(f"retention.shorter = {rule}: written like EntryExitRecord=14 or ServiceCall.text=30.")
        days = int(days_text)
        for attribute in entity_type.attributes.values():
            before = self._days[type_name, attribute.name]
            if name == attribute.name and 0 <= before < days:
                raise BadSetting(f"retention.shorter = {rule}: the vocabulary keeps it for {before} days only.")
            if name == attribute.name or (not name and days < before):
                self._days[type_name, attribute.name] = days


def end_us(text: str, zone: ZoneInfo) -> int | None:
    """Return the moment at which what lasts until a date (inclusive) or a datetime is over; None: it cannot be read."""
    try:
        return from_wire_time(text) if "T" in text else begin_us(date.fromisoformat(text) + timedelta(days=1), zone)
    except (ValueError, BadRequestData, OverflowError):
        return None


def _collects(entity_type: EntityType) -> bool:
    """Tell whether a type has attributes that only an order allows."""
    return any(one.purpose == (EPIDEMIC,) and one.pii != "none" for one in entity_type.attributes.values())


HOUR_US = 3600 * SECOND_US


class Steady:
    """A clock that believes no leap at once, so that a wrong clock deletes nothing early.

    Whoever has not looked for longer than the slack cannot tell whether so much time passed or the clock is wrong. So it
    takes the time on from where it was, for as long as the gap is wide and at most a day; who sees by then that the clock
    is wrong has lost nothing. A clock that went back was put right, and is believed.
    """

    def __init__(self, seen_us: int | None) -> None:
        """Go on from `seen_us`, when somebody looked last; None: nobody ever did."""
        self.seen_us = seen_us
        self._behind_us = 0
        self._until_us = 0

    def look(self, now_us: int, slack_us: float = HOUR_US) -> int:
        """Return the moment that may be believed, given what the clock shows; `slack_us`: no wonder if so much passed."""
        gap_us = 0 if self.seen_us is None else now_us - self.seen_us
        if gap_us > slack_us:
            self._behind_us += gap_us
            self._until_us = now_us + min(gap_us, DAY_US)
        elif gap_us < 0 or now_us >= self._until_us:
            self._behind_us = 0
        self.seen_us = now_us
        return now_us - self._behind_us
