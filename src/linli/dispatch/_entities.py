"""The four entities that dispatch thinks about, read from the broker's plain form into small frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from linli.base import Point, from_wire_time

from ._asks import Mode

#: a call in one of these waits for somebody; `reopened` goes on as triaged
WAITING = frozenset({"received", "reopened", "triaged", "offered", "noProvider"})
#: somebody has it
TAKEN = frozenset({"accepted", "enRoute", "onSite"})
#: dispatch has nothing more to find for it, but it can come back by `reopen`
OVER = frozenset({"done", "confirmed", "closed", "cancelled", "falseAlarm"})
OPEN_STATES = (*sorted(WAITING), *sorted(TAKEN))
KIND_PREFIX = "urn:ngsi-ld:ServiceKind:"
FOREVER_US = 1 << 62


class Plainly(Protocol):
    """An entity as the broker hands it to engines: values by short wire name."""

    @property
    def id(self) -> str:
        """The id."""
        ...

    @property
    def type(self) -> str:
        """The type's short name."""
        ...

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes."""
        ...

    @property
    def version(self) -> int:
        """Counts the entity's writes."""
        ...

    @property
    def modified_us(self) -> int:
        """When it was written last."""
        ...

    @property
    def values(self) -> Mapping[str, Any]:
        """The values."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """A ServiceCall. Times in microseconds; `accepted_us` 0 = nobody accepted yet."""

    id: str
    version: int
    kind: str
    state: str
    urgency: int
    received_us: int
    due_us: int
    place: Point
    home: str
    scopes: tuple[str, ...]
    caller: str = ""
    for_whom: str = ""
    text: str = ""
    assigned: str = ""
    offered_to: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    level: int = 0
    presses: int = 1
    reopened: int = 0
    acknowledged: bool = False
    accepted_us: int = 0
    on_site_us: int = 0
    done_us: int = 0
    closed_us: int = 0
    shortage: Mapping[str, Any] | None = None
    timeline: tuple[Mapping[str, Any], ...] = ()
    pack_version: str = ""
    done_due_us: int = 0

    @classmethod
    def read(cls, plain: Plainly) -> Call:
        """Read a ServiceCall."""
        values = plain.values
        received = from_wire_time(values["receivedAt"])
        return cls(
            id=plain.id,
            version=plain.version,
            kind=str(values.get("serviceKind", "")).removeprefix(KIND_PREFIX),
            state=values["state"],
            urgency=int(values.get("urgency", 0)),
            received_us=received,
            due_us=_us(values, "dueArrive") or FOREVER_US,
            place=_point(values["place"]),
            home=values.get("homeArea") or "",
            scopes=plain.scopes,
            caller=values.get("caller") or "",
            for_whom=values.get("forWhom") or "",
            text=values.get("text") or "",
            assigned=values.get("assigned") or "",
            offered_to=_many(values, "offeredTo"),
            offers=_many(values, "offers"),
            level=int(values.get("escalationLevel") or 0),
            presses=int(values.get("presses") or 1),
            reopened=int(values.get("reopened") or 0),
            acknowledged="ackAt" in values,
            accepted_us=_us(values, "acceptedAt"),
            on_site_us=_us(values, "onSiteAt"),
            done_us=_us(values, "doneAt"),
            closed_us=_us(values, "closedAt"),
            shortage=values.get("shortage"),
            timeline=tuple(values.get("timeline") or ()),
            pack_version=values.get("packVersion") or "",
            done_due_us=_us(values, "dueDone"),
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """An Offer: one helper is asked to take one call."""

    id: str
    version: int
    call: str
    helper: str
    answer: str
    rank: int
    sent_us: int
    expires_us: int
    eta_s: int
    why: Mapping[str, Any]
    scopes: tuple[str, ...] = ()

    @classmethod
    def read(cls, plain: Plainly) -> Offer:
        """Read an Offer."""
        values = plain.values
        return cls(
            id=plain.id,
            version=plain.version,
            call=values["call"],
            helper=values.get("helper") or "",
            answer=values["answer"],
            rank=int(values.get("rank") or 1),
            sent_us=from_wire_time(values["sentAt"]),
            expires_us=from_wire_time(values["openUntil"]),
            eta_s=int(values.get("eta") or 0),
            why=values.get("why") or {},
            scopes=plain.scopes,
        )


@dataclass(frozen=True, slots=True)
class Helper:
    """A Helper. `skills` maps each skill to the moment its proof ends; `reach_min` 0 = no limit of his own."""

    id: str
    version: int
    duty: str
    place: Point | None
    mode: Mode
    skills: Mapping[str, int]
    reach_min: float
    area: str
    seen_us: int
    organization: str = ""
    name: str = ""
    role: str = ""
    badge: str = ""
    scopes: tuple[str, ...] = ()

    @classmethod
    def read(cls, plain: Plainly) -> Helper:
        """Read a Helper."""
        values = plain.values
        position = values.get("position")
        mode = values.get("profile")
        return cls(
            id=plain.id,
            version=plain.version,
            duty=values.get("dutyState") or "off",
            place=_point(position) if position else None,
            mode=mode if mode in ("walk", "ebike", "drive") else "ebike",
            skills=_skills(values),
            reach_min=float(values.get("maxReachMin") or 0),
            area=values.get("inArea") or "",
            seen_us=plain.modified_us,
            organization=values.get("organization") or "",
            name=values.get("fullName") or "",
            role=values.get("role") or "",
            badge=values.get("badgeNo") or "",
            scopes=plain.scopes,
        )


@dataclass(frozen=True, slots=True)
class Shift:
    """A Shift: a helper covers some areas from then till then."""

    id: str
    version: int
    helper: str
    covers: tuple[str, ...]
    from_us: int
    to_us: int

    @classmethod
    def read(cls, plain: Plainly) -> Shift:
        """Read a Shift."""
        values = plain.values
        return cls(
            id=plain.id,
            version=plain.version,
            helper=values["helper"],
            covers=_many(values, "covers"),
            from_us=from_wire_time(values["from"]),
            to_us=from_wire_time(values["to"]),
        )


Entity = Call | Offer | Helper | Shift
READERS: Mapping[str, type[Call | Offer | Helper | Shift]] = {
    "ServiceCall": Call,
    "Offer": Offer,
    "Helper": Helper,
    "Shift": Shift,
}


def read_entity(plain: Plainly) -> Entity:
    """Read any of the four."""
    return READERS[plain.type].read(plain)


def _us(values: Mapping[str, Any], name: str) -> int:
    text = values.get(name)
    return from_wire_time(text) if text else 0


def _many(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = values.get(name)
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _point(geometry: Mapping[str, Any]) -> Point:
    lon, lat = geometry["coordinates"][:2]
    return Point(lon, lat)


def _skills(values: Mapping[str, Any]) -> dict[str, int]:
    skills = dict.fromkeys(_many(values, "hasSkill"), FOREVER_US)
    proofs = values.get("skillProofs") or []
    for proof in proofs if isinstance(proofs, list) else [proofs]:
        skill, until = proof.get("skill"), proof.get("until")
        if skill in skills and until:
            skills[skill] = from_wire_time(until if "T" in until else f"{until}T23:59:59Z")
    return skills
