"""The round trip: one entity of each type is written into a broker, read, found, changed and deleted again.

It is written under an id of its own, into the scope of a province that does not exist, and nothing is left behind. That
a broker does this right is not yet level 2: the public NGSI-LD suite is run for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from linli.base import Ids, from_wire_time, read_json, write_json
from linli.base.errors import LinliError, StartError
from linli.client import Answer, ClientProblem, NodeUnreachable, SyncHttpTransport
from linli.vocab import MEMBER, EntityType, Judge, vocabulary

from ._entities import ANSWER_BYTES_MAX, ROOT, shown

NODE = "990101001001"
SCOPE = "/cn/r99/r9901/r990101/r990101001/r990101001001"
_LD = "application/ld+json"
_MEMBERS = (*MEMBER.values(), "unitCode", "observedAt", "datasetId")


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and whether the broker did what it should. `answer`: its words, or which attributes came back wrong."""

    name: str
    status: int
    passed: bool
    answer: str = ""


@dataclass
class Trip:
    """The round trip through one broker, type by type."""

    url: str
    headers: Mapping[str, str]
    judge: Judge
    at_us: int
    types: dict[str, list[Step]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the broker's root."""
        parts = urlsplit(self.url)
        self._line = SyncHttpTransport(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(ROOT)}")
        self._ids = Ids(NODE)
        self._purpose: dict[str, str] = {}

    @property
    def passed(self) -> bool:
        """Tell whether every step of every type went well."""
        return all(step.passed for steps in self.types.values() for step in steps)

    def take(self, entity: Mapping[str, Any], type_name: str) -> None:
        """Send an entity round, if it is the first of its type. Raises: StartError: nobody answers."""
        if type_name in self.types:
            return
        sent = {**entity, "id": self._ids.new(type_name, self.at_us), "scope": SCOPE}
        sent.pop("@id", None)
        self._purpose = _purpose(sent, vocabulary().types[type_name])
        try:
            self.types[type_name] = list(self._steps(sent, type_name))
        except NodeUnreachable as error:
            raise StartError(f"{shown(self.url)}: {error}.") from error

    def close(self) -> None:
        """Let go of the line."""
        self._line.close()

    def _steps(self, sent: dict[str, Any], type_name: str) -> Iterator[Step]:
        path = f"/entities/{quote(sent['id'], safe=':')}"
        created = self._ask("POST", "/entities", sent)
        yield _step("create", created, 201)
        if created.status != 201:
            return
        try:
            read = self._ask("GET", path)
            body = _object(read)
            wrong = self._wrong(sent, body, type_name) if read.status == 200 else []
            yield _step("read", read, 200) if not wrong else Step("read", 200, passed=False, answer=", ".join(wrong))
            yield self._found(sent["id"], body.get("type", type_name))
            if not vocabulary().types[type_name].append_only:
                yield _step("change", self._ask("PATCH", f"{path}/attrs", _some(sent)), 204)
        finally:
            deleted = self._ask("DELETE", path)
        yield _step("delete", deleted, 204)
        yield _step("gone", self._ask("GET", path), 404)

    def _found(self, entity_id: str, types: Any) -> Step:
        """Ask for the type and the id: exactly that entity must come."""
        name = types[0] if isinstance(types, list) else types
        answer = self._ask("GET", f"/entities?{urlencode({'type': name, 'id': entity_id})}")
        step = _step("find", answer, 200)
        if not step.passed:
            return step
        found = _read(answer)
        ids = [one.get("id") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        return Step("find", 200, passed=ids == [entity_id])

    def _wrong(self, sent: Mapping[str, Any], got: Mapping[str, Any], type_name: str) -> list[str]:
        """Return the attributes that did not come back as they were sent."""
        there = self.judge.attributes(got, type_name)
        return [
            name
            for name, said in self.judge.attributes(sent, type_name).items()
            if not _same([_core(one) for one in _listed(said)], [_core(one) for one in _listed(there.get(name, []))])
        ]

    def _ask(self, method: str, target: str, body: Mapping[str, Any] | None = None) -> Answer:
        headers = {"accept": f"{_LD}, application/json;q=0.5", **self._purpose, **self.headers}
        if body is not None:
            headers["content-type"] = _LD if "@context" in body else "application/json"
        return self._line.ask(method, ROOT + target, headers, b"" if body is None else write_json(body))


def _step(name: str, answer: Answer, wanted: int) -> Step:
    passed = answer.status == wanted
    words = "" if passed or answer.status < 400 else ClientProblem.of(answer.status, answer.body).detail
    return Step(name, answer.status, passed, words)


def _purpose(sent: Mapping[str, Any], entity_type: EntityType) -> dict[str, str]:
    """Return the header with a purpose for which all that is personal in an entity may be used; nothing without any."""
    personal = [one.purpose for name, one in entity_type.attributes.items() if name in sent and one.pii != "none"]
    shared = [one for one in personal[0] if all(one in other for other in personal)] if personal else []
    return {"linli-purpose": shared[0]} if shared else {}


def _some(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first attribute of an entity, and what its name means."""
    name = next((one for one in sent if one not in ("id", "type", "@type", "scope", "@context")), "scope")
    return {one: sent[one] for one in (name, "@context") if one in sent}


def _object(answer: Answer) -> dict[str, Any]:
    said = _read(answer)
    return said if isinstance(said, dict) else {}


def _read(answer: Answer) -> Any:
    try:
        return read_json(answer.body, bytes_max=ANSWER_BYTES_MAX)
    except LinliError:
        return None


def _listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said]


def _core(instance: Any) -> Any:
    """Return what of an instance must come back as it was sent."""
    return {key: instance[key] for key in _MEMBERS if key in instance} if isinstance(instance, dict) else instance


def _same(sent: Any, got: Any) -> bool:
    """Tell whether two values mean the same: a list of one is that one, a moment may be written in two ways, and what a
    word of a vocabulary stands for may be written out."""
    if isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        return all(map(_same, sent, got))
    if isinstance(sent, list) != isinstance(got, list):
        alone, one = (sent, got) if isinstance(sent, list) else (got, sent)
        return len(alone) == 1 and _same(alone[0], one)
    if isinstance(sent, dict) and isinstance(got, dict):
        return sent.keys() == got.keys() and all(
            _same(value, got[key]) or (key == "vocab" and _stands_for(value, got[key])) for key, value in sent.items()
        )
    return bool(sent == got) or _same_moment(sent, got)


def _stands_for(word: Any, iri: Any) -> bool:
    return isinstance(iri, str) and isinstance(word, str) and iri.endswith((f"#{word}", f"/{word}"))


def _same_moment(one: Any, other: Any) -> bool:
    try:
        return isinstance(one, str) and isinstance(other, str) and from_wire_time(one) == from_wire_time(other)
    except LinliError:
        return False
