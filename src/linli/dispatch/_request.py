"""A press as it comes over the wire, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linli.base import from_wire_time
from linli.base.errors import BadRequestData
from linli.broker import Plain

MOUTHS = ("key", "app", "num", "seat", "device", "plan", "walk", "gate", "patrol", "peer", "o311")
TEXT_MAX = 1000
KEY_MAX = 200


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A press: what is needed, where (degrees, WGS-84), by which mouth; `key` tells a repeated press from a new one."""

    kind: str
    lon: Any
    lat: Any
    mouth: str = "app"
    for_whom: str = ""
    text: str = ""
    said_at: str = ""
    key: str = ""

    @classmethod
    def from_body(cls, body: Any, key: str | None = None) -> CallRequest:
        """Read the body of POST /api/calls.

        Raises: BadRequestData: names the field at fault.
        """
        if not isinstance(body, Mapping):
            raise BadRequestData("The body must be an object: {kind, lon, lat, mouth}.")
        kind, mouth = said(body, "kind", 100), said(body, "mouth", 20) or "app"
        if not kind:
            raise BadRequestData("kind: say what is needed; GET /api/kinds lists what is offered.")
        if mouth not in MOUTHS:
            raise BadRequestData(f"mouth: one of {', '.join(MOUTHS)}.")
        for_whom = said(body, "for", 300)
        if for_whom and not for_whom.startswith("urn:ngsi-ld:Resident:"):
            raise BadRequestData("for: the id of a resident.")
        if key is not None and len(key) > KEY_MAX:
            raise BadRequestData(f"Idempotency-Key: at most {KEY_MAX} characters.")
        said_at = said(body, "saidAt", 40)
        if said_at:
            _checked_time(said_at)
        return cls(
            kind=kind,
            lon=body.get("lon"),
            lat=body.get("lat"),
            mouth=mouth,
            for_whom=for_whom,
            text=said(body, "text", TEXT_MAX),
            said_at=said_at,
            key=key or "",
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to a press. `new` False: this press belongs to a call that was there already."""

    id: str
    number: str
    state: str
    new: bool = False

    @classmethod
    def of(cls, plain: Plain, *, new: bool = False) -> Placed:
        """Read it from the call."""
        return cls(plain.id, plain.values["number"], plain.values["state"], new)

    @classmethod
    def again(cls, plain: Plain) -> Placed:
        """Answer the press that made this call once more with the words of the first time: nothing had happened yet."""
        return cls(plain.id, plain.values["number"], "received")


def _checked_time(text: str) -> None:
    try:
        from_wire_time(text)
    except BadRequestData as error:
        raise BadRequestData(f"saidAt: {error.message}") from error


def said(body: Mapping[str, Any], name: str, length_max: int) -> str:
    """Return an optional text of a body, "" when it is absent.

    Raises: BadRequestData: not a text, or too long.
    """
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequestData(f"{name}: a text is needed.")
    if len(value) > length_max:
        raise BadRequestData(f"{name}: at most {length_max} characters.")
    return value.strip()
