"""Speaks HTTP with the NGSI-LD door in the same process, header by header, as a vendor's program would."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from declared import check_declared

from linli.base import Ids, SteppedClock, read_json, write_json
from linli.broker import Broker
from linli.store import MemoryStore
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary
from linli.web._ngsild import NgsiLd

START_US = 1_795_400_107_000_000
HOME = "/cn/r37/r3701/r370102"
ADMIN = Principal("operator", "operator", ("/",))
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
CONTEXT_REL = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return read_json(self.body)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def error(self) -> str:
        assert self.header("content-type") == "application/json"
        assert {"type", "title", "detail", "status"} <= self.json.keys()
        assert self.json["status"] == self.status
        return str(self.json["type"].rsplit("/", 1)[1])


class Door:
    """One node with an empty store; `who` asks unless a request says otherwise."""

    def __init__(self, who: Principal = ADMIN, *, purpose: str | None = None, **options: Any) -> None:
        self.who = who
        self.clock = SteppedClock(START_US)
        self.store = store = MemoryStore()
        self.broker = Broker(
            store, vocabulary(), Policies(self.clock), self.clock, ids=Ids("370102"), home_scope=HOME, **options
        )
        self.app = NgsiLd(self.broker, lambda _: Act(self.who, purpose))

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> Reply:
        content = raw if raw is not None else (b"" if body is None else write_json(body))
        sent = {"content-type": "application/json"} if content else {}
        if method in ("POST", "PATCH", "PUT"):
            sent["content-length"] = str(len(content))
        sent.update(headers or {})
        return asyncio.run(self._ask(method, path, content, {k: v for k, v in sent.items() if v}, query))

    async def _ask(
        self, method: str, path: str, content: bytes, headers: dict[str, str], query: dict[str, str]
    ) -> Reply:
        messages: list[dict[str, Any]] = []
        parts = [content[:7], content[7:]] if len(content) > 7 else [content]

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: Any) -> None:
            messages.append(dict(message))

        target = "/ngsi-ld/v1" + path
        scope = {
            "type": "http",
            "method": method,
            "path": target,
            "raw_path": target.encode(),
            "query_string": urlencode(query).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await self.app(scope, receive, send)
        start, end = messages
        got = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
        check_declared(method, path, start["status"], got, has_body=bool(end["body"]))
        return Reply(start["status"], got, end["body"])

    # shorthands

    def make(self, body: dict[str, Any], **headers: str) -> str:
        reply = self.ask("POST", "/entities", body, headers=headers)
        assert reply.status == 201, reply.body
        return str(body.get("id", body.get("@id")))

    def get(self, entity_id: str, headers: dict[str, str] | None = None, **query: str) -> Reply:
        return self.ask("GET", f"/entities/{quote(entity_id, safe=':')}", headers=headers, **query)

    def find(self, headers: dict[str, str] | None = None, **query: str) -> Reply:
        return self.ask("GET", "/entities", headers=headers, **query)

    def found(self, **query: str) -> list[str]:
        reply = self.find(**query)
        assert reply.status == 200, reply.body
        return [one["id"] for one in reply.json]


def car(name: object = 1, **attrs: Any) -> dict[str, Any]:
    """A vehicle: no type of ours, so it is stored as it comes."""
    return {
        "id": f"urn:ngsi-ld:Vehicle:{name}",
        "type": "Vehicle",
        "speed": {"type": "Property", "value": 50, "unitCode": "KMH"},
        "colour": {"type": "Property", "value": "red"},
        **attrs,
    }


def area(name: object = 1, **attrs: Any) -> dict[str, Any]:
    """An area: a type of ours, without anything personal."""
    return {
        "id": f"urn:ngsi-ld:Area:37010200{name}",
        "type": "Area",
        "areaLevel": {"type": "VocabProperty", "vocab": "community"},
        "code": {"type": "Property", "value": f"37010200100{name}"},
        "name": {"type": "LanguageProperty", "languageMap": {"zh": "示例社区", "en": "Example"}},
        **attrs,
    }


def helper(name: object = 1, **attrs: Any) -> dict[str, Any]:
    """A helper: a type of ours with personal attributes, open for the purpose staff."""
    return {
        "id": f"urn:ngsi-ld:Helper:370102001001:{name}",
        "type": "Helper",
        "fullName": {"type": "Property", "value": "王示例"},
        "telephone": {"type": "Property", "value": "13800001234"},
        "role": {"type": "VocabProperty", "vocab": "carer"},
        "organization": {"type": "Relationship", "object": "urn:ngsi-ld:Provider:370102001001:demo"},
        "hasSkill": {"type": "VocabProperty", "vocab": ["carer"]},
        "dutyState": {"type": "VocabProperty", "vocab": "ready"},
        "position": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.0213, 36.6601]}},
        **attrs,
    }


STAFF = {"linli-purpose": "staff"}
