"""Residents of the stories, and whoever asks as somebody: for pages, forms and answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from town import WEST, Town, area_id, link, point, prop, scope_of, word

from linli.client import Answer, DirectTransport
from linli.trust import AT_HOME, Principal

ORDER = "urn:ngsi-ld:HealthOrder:990101000000:01JTEST0RDER00000000000001"
PERSON = "urn:ngsi-ld:Resident:990101000000:01JTESTRES1DENT00000000001"
FORM = "application/x-www-form-urlencoded"


def a_resident(person: str, name: str) -> dict[str, Any]:
    said = {"fullName": prop(name), "telephone": prop("13800005678"), "ageBand": word("a60to79")}
    home = link("urn:ngsi-ld:Area:" + WEST)
    return {"id": person, "type": "Resident", "scope": scope_of(WEST), **said, "homeArea": home}


def at_home(person: str, lon: float, lat: float) -> dict[str, Any]:
    """Return a resident who is there."""
    return {**a_resident(person, "示例"), "location": point(lon, lat)}


def an_order(until: str) -> dict[str, Any]:
    """Return an order of the west community that keeps people at home."""
    return {
        "id": ORDER,
        "type": "HealthOrder",
        "scope": scope_of(WEST),
        "number": prop("2026-1"),
        "issuer": prop("Example office"),
        "legalBasis": prop("Example law"),
        "since": prop("2026-03-01"),
        "until": prop(until),
        "appliesTo": link([area_id(WEST)]),
        "measures": word(["declaration", "homeObservation"]),
        "allows": prop(["subject", "at", "decision", "observeUntil"]),
        "keepDays": prop(14),
    }


def a_declaration(person: str, observe_until: str = "2026-03-15") -> dict[str, Any]:
    """Return what a person declared who is kept at home by the order."""
    return {
        "id": f"urn:ngsi-ld:HealthDeclaration:{WEST}:01JTESTDEC1AR000000000001",
        "type": "HealthDeclaration",
        "scope": scope_of(WEST),
        "subject": link(person),
        "order": link(ORDER),
        "at": prop("2026-03-02T00:00:00Z"),
        "decision": word("observe"),
        "observeUntil": prop(observe_until),
    }


class Person:
    """Somebody who is signed in and asks for pages and answers."""

    def __init__(
        self, town: Town, person: str, role: str = "resident", *, strong: bool = False, scope: str = ""
    ) -> None:
        self._line = DirectTransport(town.node.web)
        self._town, self._who, self._strong = town, Principal(person, role, (scope or scope_of(WEST),)), strong
        self._token = ""

    async def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json", purpose: str = ""
    ) -> Answer:
        if not self._token:
            logins = self._town.node.doors.asking.identity.logins
            self._token = await logins.open(self._who, "demo", AT_HOME, strong=self._strong)
        headers = {"authorization": f"Bearer {self._token}", "accept-language": "en", "content-type": kind}
        if purpose:
            headers["linli-purpose"] = purpose
        return await self._line.ask(method, path, headers, body)

    async def get(self, path: str) -> Any:
        return orjson.loads((await self.ask("GET", path)).body)

    async def post(self, path: str, **said: object) -> Answer:
        return await self.ask("POST", path, orjson.dumps(said))

    async def form(self, path: str, **said: str) -> Answer:
        return await self.ask("POST", path, urlencode(said).encode(), FORM)
