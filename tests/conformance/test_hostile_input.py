"""Bodies, ids, names and queries made to break something: each gets a clear no, and the node goes on answering."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ngsild_door import STAFF, Door, area, car, helper

from linli.base import write_json
from linli.broker import Contexts
from linli.broker._form import read_fragment
from linli.vocab import CORE_CONTEXT_URL, vocabulary

TERMS = Contexts(vocabulary(), {}, default="linli").default


def nested(depth: int) -> bytes:
    return b'{"id":"urn:x:1","type":"T","a":{"type":"Property","value":' + b"[" * depth + b"]" * depth + b"}}"


@pytest.mark.parametrize(
    "raw",
    [
        nested(70),
        nested(1_200),
        nested(200_000),
        b'{"id":"urn:x:1","type":"T","a":1e999}',
        b'{"id":"urn:x:1","type":"T","a":-Infinity}',
        b'{"id":"urn:x:1","type":"T","a":"\\ud800"}',
        b'{"id":"urn:x:1","type":"T","a":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        b'{"id":"urn:x:1","type":"T"} {}',
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_json_that_hurts_is_refused(raw: bytes) -> None:
    door = Door()
    assert door.ask("POST", "/entities", raw=raw).error == "InvalidRequest"
    assert door.found(local="true") == []


def test_attributes_of_attributes_have_an_end() -> None:
    inner: Any = {"type": "Property", "value": 1}
    for _ in range(70):
        inner = {"type": "Property", "value": 1, "a": inner}
    assert Door().ask("POST", "/entities", car(a=inner)).error == "InvalidRequest"


INVISIBLE = [
    "\u200b",
    "\u200d",
    "\u202e",
    "\ufeff",
    "\u00ad",
    "\u2060",
    "\u3164",
    "\ufe0f",
    "\u034f",
    "\t",
    "\n",
    "\x7f",
]


@pytest.mark.parametrize("mark", [*INVISIBLE, " ", "\u00a0", "<", '"', "\\", "e\u0301"], ids=ascii)
def test_an_id_with_anything_invisible_in_it_is_refused(mark: str) -> None:
    door = Door()
    bad = f"urn:ngsi-ld:Vehicle:{mark}1"
    assert door.ask("POST", "/entities", car() | {"id": bad}).error == "BadRequestData"
    assert door.ask("GET", f"/entities/{quote(bad)}").error == "BadRequestData"
    link = {"type": "Relationship", "object": bad}
    assert door.ask("POST", "/entities", car(driver=link)).error == "BadRequestData"
    assert door.ask("POST", "/entities", car(**{f"a{mark}b": 1})).error == "BadRequestData"
    assert door.ask("POST", "/entities", car() | {"type": f"T{mark}"}).error == "BadRequestData"


def test_an_id_in_chinese_letters_is_an_id() -> None:
    door = Door()
    reply = door.ask("POST", "/entities", car() | {"id": "urn:ngsi-ld:Gate:东门"})
    assert reply.status == 201
    assert (reply.header("location") or "").endswith(quote("urn:ngsi-ld:Gate:东门", safe=":"))
    assert door.ask("GET", f"/entities/{quote('urn:ngsi-ld:Gate:东门')}").status == 200


def test_a_value_with_nul_in_it_is_refused() -> None:
    assert Door().ask("POST", "/entities", car(a={"type": "Property", "value": ["x\0"]})).error == "BadRequestData"


def test_a_body_too_large_is_413_whether_it_says_so_or_not() -> None:
    door = Door()
    large = write_json(car(a="x" * (1 << 20)))
    assert door.ask("POST", "/entities", raw=large).status == 413
    lying = {"content-type": "application/json", "content-length": "10"}
    assert door.ask("POST", "/entities", raw=large, headers=lying).status == 413
    wrong = {"content-type": "application/json", "content-length": "many"}
    assert door.ask("POST", "/entities", raw=b"{}", headers=wrong).error == "InvalidRequest"


def test_too_many_attributes_or_too_long_names_are_refused() -> None:
    door = Door()
    assert door.ask("POST", "/entities", car(**{f"a{n}": n for n in range(600)})).error == "BadRequestData"
    assert door.ask("POST", "/entities", car(**{"a" * 600: 1})).error == "BadRequestData"
    assert door.ask("POST", "/entities", car() | {"id": "urn:x:" + "a" * 3000}).error == "BadRequestData"


def test_a_huge_q_is_refused() -> None:
    door = Door()
    assert door.find(type="T", q="a" * 5_000).error == "BadRequestData"
    assert door.find(type="T", q="|".join(["a==1"] * 100)).error == "BadRequestData"
    assert door.find(type="T", q="(" * 1_000).error == "BadRequestData"
    assert door.find(type="T", q="a" * 9_000).status == 413
    assert door.find(type="(" * 1_000).error == "BadRequestData"
    assert door.find(**{f"p{n}": "1" for n in range(100)}).error == "InvalidRequest"


def test_a_context_that_never_ends_is_refused() -> None:
    door = Door()
    ld = {"content-type": "application/ld+json"}
    deep: Any = {}
    for _ in range(30):
        deep = [deep]
    for context in (deep, {"a": "a:b"}, {"a": {"@id": "b"}, "b": {"@id": "a"}}):
        assert door.ask("POST", "/entities", {**car(), "@context": context}, headers=ld).error == "BadRequestData"
    long = {f"t{n}": f"t{n + 1}" for n in range(50)}
    assert door.ask("POST", "/entities", {**car(), "@context": long}, headers=ld).error == "BadRequestData"


def test_an_empty_text_names_no_context() -> None:
    door = Door()
    ld = {"content-type": "application/ld+json"}
    for context in ("", " ", [""], [CORE_CONTEXT_URL, ""]):
        reply = door.ask("POST", "/entities", {**car(), "@context": context}, headers=ld)
        assert (reply.status, reply.error) == (400, "BadRequestData")


def test_an_answer_s_headers_cannot_be_written_by_the_asker() -> None:
    door = Door()
    reply = door.find(type="Vehicle", headers={"ngsild-tenant": "x\r\nset-cookie: a=b"})
    assert reply.header("ngsild-tenant") is None
    door.make(car(1))
    door.make(car(2))
    page = door.find(type="Vehicle", limit="1", q='colour!=">;\r\nset-cookie: a"')
    assert all("\r" not in said and "\n" not in said for _, said in page.headers)


def test_a_body_cannot_set_what_the_node_sets() -> None:
    door = Door()
    made = "1999-01-01T00:00:00Z"
    said = {
        "type": "Property",
        "value": 1,
        "createdAt": made,
        "modifiedAt": made,
        "subs": {"type": "Property", "value": 2},
    }
    door.make(car(a=said, version=7, attrs=8))
    read = door.get(car()["id"], options="sysAttrs").json
    assert read["createdAt"] != made
    assert read["a"]["createdAt"] != made
    assert read["a"]["subs"]["value"] == 2
    assert (read["version"]["value"], read["attrs"]["value"]) == (7, 8)


def test_a_change_cannot_make_an_entity_pass_for_another_type() -> None:
    door = Door()
    door.make(area())
    path = f"/entities/{area()['id']}/attrs"
    reply = door.ask("POST", path, {"type": "Provider"})
    assert "one type of the vocabulary" in reply.json["detail"]
    mixed = helper() | {"type": ["Vehicle", "Helper"]}
    door.ask("POST", "/entities", mixed, headers=STAFF)
    assert door.get(mixed["id"]).error == "PurposeMissing"


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "type",
                    "value",
                    "object",
                    "languageMap",
                    "json",
                    "vocab",
                    "valueList",
                    "objectList",
                    "datasetId",
                    "observedAt",
                    "unitCode",
                    "@context",
                    "scope",
                    "coordinates",
                    "a",
                    "@type",
                    "@value",
                ]
            )
            | st.text(max_size=5),
            inner
            | st.sampled_from(
                ["Property", "GeoProperty", "Relationship", "urn:x:1", "Point", "urn:ngsi-ld:null", "Area"]
            ),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSONS)
@settings(max_examples=300)
def test_no_body_whatever_makes_the_node_fail(body: Any) -> None:
    door = Door()
    for said in (body, {"id": "urn:x:1", "type": "T", "a": body}, {"id": "urn:x:1", "type": "Area", "name": body}):
        created = door.ask("POST", "/entities", raw=write_json(said))
        assert created.status in (201, 400), created.body
        if created.status == 201:
            assert door.ask("GET", "/entities/urn%3Ax%3A1").status in (200, 404)
        assert door.ask("PATCH", "/entities/urn:x:1/attrs", raw=write_json(said)).status in (204, 207, 400, 404)
        assert door.ask("POST", "/entityOperations/upsert", [said]).status in (201, 204, 207, 400)


@given(st.text(max_size=40) | st.from_regex(r"[a-z!]{1,3}(==|!=|>|<|\[|\.\.|;|\||\(|\)|,|\"){1,3}[a-z0-9\"\])]{0,5}"))
@settings(max_examples=300)
def test_no_query_whatever_makes_the_node_fail(text: str) -> None:
    door = Door()
    for query in ({"q": text}, {"type": text}, {"scopeQ": text}, {"pick": text}, {"coordinates": text}, {"id": text}):
        more = {"georel": "near;maxDistance==1", "geometry": "Point"} if "coordinates" in query else {}
        assert door.find(**({"type": "T"} | query | more)).status in (200, 400, 422)


NAMES = st.from_regex(r"[a-z][a-zA-Z0-9]{0,6}", fullmatch=True).filter(
    lambda name: name not in {"id", "type", "scope", "value", "object", "json", "vocab", "entity", "location"}
)
URIS = st.from_regex(r"urn:x:[a-zA-Z0-9]{1,6}", fullmatch=True)
TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=8).filter(
    lambda text: text != "urn:ngsi-ld:null"
)
PLAIN = st.booleans() | st.integers(-1000, 1000) | TEXTS | st.lists(st.integers(0, 9), min_size=1, max_size=3)
INSTANCES = st.one_of(
    st.builds(lambda v: {"type": "Property", "value": v}, PLAIN),
    st.builds(
        lambda v: {"type": "Property", "value": v, "unitCode": "CEL", "observedAt": "2026-11-23T02:15:07Z"}, PLAIN
    ),
    st.builds(lambda v: {"type": "Relationship", "object": v}, URIS | st.lists(URIS, min_size=1, max_size=3)),
    st.builds(lambda v: {"type": "LanguageProperty", "languageMap": {"en": v, "zh-CN": [v]}}, TEXTS),
    st.builds(lambda v: {"type": "VocabProperty", "vocab": v}, NAMES | st.lists(NAMES, min_size=1, max_size=3)),
    st.builds(lambda v: {"type": "JsonProperty", "json": {"any": v, "none": None}}, PLAIN),
    st.builds(lambda v: {"type": "ListProperty", "valueList": v}, st.lists(TEXTS, max_size=3)),
    st.builds(
        lambda lon, lat: {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}},
        st.floats(-180, 180),
        st.floats(-90, 90),
    ),
)
WITH_SUBS = st.builds(
    lambda instance, subs: {**instance, **{f"s{name}": sub for name, sub in subs.items()}},
    INSTANCES,
    st.dictionaries(NAMES, INSTANCES, max_size=2),
)
MANY = st.builds(lambda a, b: [a, {**b, "datasetId": "urn:d:1"}], WITH_SUBS, WITH_SUBS)
ENTITIES = st.builds(
    lambda entity_id, types, attrs: {
        "id": entity_id,
        "type": types[0] if len(types) == 1 else types,
        **{f"x{name}": said for name, said in attrs.items()},
    },
    URIS,
    st.lists(NAMES.map(lambda name: "T" + name), min_size=1, max_size=2, unique=True),
    st.dictionaries(NAMES, WITH_SUBS | MANY, max_size=5),
)


@given(ENTITIES)
def test_what_goes_in_comes_out(body: dict[str, Any]) -> None:
    door = Door()
    door.make(body)
    assert door.get(body["id"]).json == body
    again = read_fragment(door.get(body["id"]).json, TERMS, whole=True)
    assert again == read_fragment(body, TERMS, whole=True)
