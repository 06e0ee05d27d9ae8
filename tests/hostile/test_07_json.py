"""Hostile test 07: JSON made to hurt gets 400 with the one shape of errors at every door that reads, and is not kept."""

from __future__ import annotations

import pytest
from ngsild_door import Door, Reply, car

DEEP = 200_000
DOORS = [
    ("POST", "/entities"),
    ("PUT", "/entities/urn:ngsi-ld:Vehicle:1"),
    ("PATCH", "/entities/urn:ngsi-ld:Vehicle:1"),
    ("PATCH", "/entities/urn:ngsi-ld:Vehicle:1/attrs"),
    ("PATCH", "/entities/urn:ngsi-ld:Vehicle:1/attrs/speed"),
    ("PUT", "/entities/urn:ngsi-ld:Vehicle:1/attrs/speed/value"),
    ("POST", "/entityOperations/upsert"),
    ("POST", "/entityOperations/query"),
]

#: what no JSON reader should take
BROKEN = {
    "deep-lists": b"[" * DEEP + b"]" * DEEP,
    "deep-objects": b'{"a":' * (DEEP // 2) + b"1" + b"}" * (DEEP // 2),
    "just-too-deep": b'{"id":"urn:x:1","type":"T","a":{"type":"Property","value":' + b"[" * 70 + b"]" * 70 + b"}}",
    "never-closed": b'{"a":' * 1000,
    "not-a-number": b'{"id":"urn:x:1","type":"T","a":NaN}',
    "infinite": b'{"id":"urn:x:1","type":"T","a":-Infinity}',
    "too-great": b'{"id":"urn:x:1","type":"T","a":1e999}',
    "lone-surrogate": b'{"id":"urn:x:1","type":"T","a":"\\ud800"}',
    "surrogate-in-bytes": b'{"id":"urn:x:1","type":"T","a":"\xed\xa0\x80"}',
    "no-utf-8": b'{"id":"urn:x:1","type":"T","a":"\xff"}',
    "utf-16": '{"id":"urn:x:1","type":"T"}'.encode("utf-16"),
    "byte-order-mark": b'\xef\xbb\xbf{"id":"urn:x:1","type":"T"}',
    "twice-the-same-key": b'{"id":"urn:x:1","type":"T","a":1,"a":2}',
    "twice-by-an-escape": b'{"id":"urn:x:1","type":"T","a":1,"\\u0061":2}',
    "twice-within": b'[{"id":"urn:x:1","type":"T","a":{"value":1,"value" : 2}}]',
    "two-documents": b'{"id":"urn:x:1","type":"T"} {}',
    "a-comment": b'{"id":"urn:x:1","type":"T"} // fine',
    "a-comma-too-many": b'{"id":"urn:x:1","type":"T",}',
    "nothing": b"",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize(("method", "path"), DOORS, ids=[f"{method}{path}" for method, path in DOORS])
def test_07_broken_json_is_refused_at_every_door(method: str, path: str, raw: bytes) -> None:
    door = Door()
    door.make(car())
    reply = door.ask(method, path, raw=raw, headers={"content-type": "application/json"})
    assert (reply.status, reply.error) == (400, "InvalidRequest")
    assert_nothing_happened(door)


def test_07_a_number_of_200_000_digits_is_refused_or_kept_as_a_float() -> None:
    door = Door()
    door.make(car())
    whole = b'{"id":"urn:x:1","type":"T","a":' + b"7" * 200_000 + b"}"
    assert door.ask("POST", "/entities", raw=whole).error == "InvalidRequest"
    long = b'{"id":"urn:x:1","type":"T","a":0.' + b"7" * 200_000 + b"}"
    assert door.ask("POST", "/entities", raw=long).status == 201
    assert door.get("urn:x:1", options="keyValues").json["a"] == pytest.approx(7 / 9)


@pytest.mark.parametrize(
    "value", [b'"\\u0000"', b'["x\\u0000"]', b'{"a\\u0000":"\\u0000"}', b'"urn:ngsi-ld:null"', b"null"], ids=repr
)
def test_07_what_json_allows_and_we_do_not_is_refused_by_its_content(value: bytes) -> None:
    door = Door()
    door.make(car())
    raw = b'{"id":"urn:x:1","type":"T","a":{"type":"Property","value":' + value + b"}}"
    reply = door.ask("POST", "/entities", raw=raw)
    assert (reply.status, reply.error) == (400, "BadRequestData")
    assert_nothing_happened(door)


def test_07_sub_attributes_within_each_other_have_an_end() -> None:
    door = Door()
    raw = b'{"type":"Property","value":1,"a":' * 80 + b"1" + b"}" * 80
    reply = door.ask("POST", "/entities", raw=b'{"id":"urn:x:1","type":"T","a":' + raw + b"}")
    assert (reply.status, reply.error) == (400, "InvalidRequest")


def assert_nothing_happened(door: Door) -> None:
    """What stood before stands, and nothing else does."""
    read: Reply = door.find(local="true")
    assert read.json == [car()]
