"""What the NGSI-LD client is asked with, and what it gives back beside entities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from linli.base import read_json

from ._transport import Answer

_FORM = "form"


@dataclass(frozen=True, slots=True)
class Near:
    """Within `max_m` or beyond `min_m` metres of a place, in degrees WGS-84; exactly one of them."""

    lon: float
    lat: float
    max_m: float | None = None
    min_m: float | None = None

    def __post_init__(self) -> None:
        """Refuse both limits, or none."""
        if (self.max_m is None) == (self.min_m is None):
            raise ValueError("Near: give max_m or min_m.")


@dataclass(frozen=True, slots=True)
class Query:
    """Which entities, and what of them. A broker wants at least one of type, attrs, q and a place.

    `q`, `scope_q` and `type` are the standard's little languages, like 'temperature>20;humidity<=40' or '/cn/#'.
    `near`: close to a place; any other geometry by `georel`, `geometry` and `coordinates` as the standard has them.
    """

    type: str | None = None
    ids: Sequence[str] = ()
    id_pattern: str | None = None
    q: str | None = None
    scope_q: str | None = None
    near: Near | None = None
    georel: str | None = None
    geometry: str | None = None
    coordinates: str | None = None
    geoproperty: str | None = None
    attrs: Sequence[str] = ()
    pick: Sequence[str] = ()
    omit: Sequence[str] = ()
    lang: str | None = None
    dataset_id: Sequence[str] = ()
    order_by: Sequence[str] = ()
    join: Literal["inline", "flat"] | None = None
    join_level: int | None = None
    system: bool = False
    local: bool | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the query parameters, before they are text."""
        said = {_ON_THE_WIRE.get(one.name, one.name): getattr(self, one.name) for one in fields(self)}
        near, system = said.pop("near"), said.pop("system")
        if system:
            said["options"] = "sysAttrs"
        if near is not None:
            limit = ("maxDistance", near.max_m) if near.max_m is not None else ("minDistance", near.min_m)
            said["georel"] = f"near;{limit[0]}=={limit[1]}"
            said["geometry"], said["coordinates"] = "Point", f"[{near.lon},{near.lat}]"
        return said


_ON_THE_WIRE = {
    "ids": "id",
    "id_pattern": "idPattern",
    "scope_q": "scopeQ",
    "dataset_id": "datasetId",
    "order_by": "orderBy",
    "join_level": "joinLevel",
}


@dataclass(frozen=True, slots=True)
class TemporalQuery:
    """Which time. Times are written like 2026-11-23T02:15:07Z; `by`: by which of an instance's times."""

    after: str | None = None
    before: str | None = None
    by: Literal["observedAt", "createdAt", "modifiedAt", "deletedAt"] | None = None
    last: int | None = None
    aggregates: Sequence[str] = ()
    every: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the query parameters, before they are text. Both times: between them."""
        said: dict[str, Any] = {"timeproperty": self.by, "lastN": self.last}
        said |= {"aggrMethods": self.aggregates, "aggrPeriodDuration": self.every}
        if self.after is not None and self.before is not None:
            return {**said, "timerel": "between", "timeAt": self.after, "endTimeAt": self.before}
        if self.after is not None:
            return {**said, "timerel": "after", "timeAt": self.after}
        if self.before is not None:
            return {**said, "timerel": "before", "timeAt": self.before}
        return said


def parameters(query: Query | None = None, when: TemporalQuery | None = None, **more: Any) -> dict[str, str]:
    """Return query parameters as text: what is None or empty is left out, lists get commas, truths are words."""
    said: dict[str, Any] = {}
    for part in (query, when):
        said |= part.parameters() if part is not None else {}
    form = more.pop(_FORM, "normalized")
    if form != "normalized":
        said["format"] = form
    said |= more
    texts = {name: _text(value) for name, value in said.items() if value is not None}
    return {name: text for name, text in texts.items() if text}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Iterable):
        return ",".join(map(str, value))
    raise TypeError(f"{type(value).__name__} is no query parameter")


@dataclass(frozen=True, slots=True)
class Left:
    """An attribute that an append or update left as it is, and why."""

    name: str
    reason: str

    @classmethod
    def of(cls, answer: Answer) -> list[Left]:
        """Read a 207; any other answer has none."""
        said = _read(answer) if answer.status == 207 else {}
        return [cls(str(one.get("attributeName")), str(one.get("reason"))) for one in said.get("notUpdated", ())]


@dataclass(frozen=True, slots=True)
class Refused:
    """An entity that a batch did not take, with the broker's status, code and words."""

    id: str
    status: int
    code: str
    detail: str

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Refused:
        """Read one of a 207's errors."""
        error = said.get("error") or {}
        code = str(error.get("type", "")).rpartition("/")[2]
        words = str(error.get("detail") or error.get("title") or "")
        return cls(str(said.get("entityId", "")), int(error.get("status") or 0), code, words)


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of a batch: the ids that were taken (of an upsert: `created` names the new ones), and the refused."""

    taken: list[str]
    created: list[str]
    refused: list[Refused]

    @classmethod
    def of(cls, answer: Answer, ids: list[str]) -> BatchOutcome:
        """Read 201 (a list of those created), 204 (all were taken) or 207 (not all)."""
        if answer.status == 207:
            said = _read(answer)
            return cls(list(said.get("success", ())), [], [Refused.of(one) for one in said.get("errors", ())])
        created = read_json(answer.body) if answer.status == 201 and answer.body else []
        return cls(list(dict.fromkeys(ids)), list(created) if isinstance(created, list) else [], [])


def _read(answer: Answer) -> dict[str, Any]:
    value = read_json(answer.body)
    return value if isinstance(value, dict) else {}
