"""The judge of whole entities: representations, contexts, ids, and what is never kept."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.vocab import CONTEXT_URL, CORE_CONTEXT_URL, Judge, vocabulary

ULID = "01JDSAMP1E0000000000000001"
NODE = "990101001001"
OURS, OWN = "https://w3id.org/linli#", [CONTEXT_URL, CORE_CONTEXT_URL]
GATE_ID = f"urn:ngsi-ld:Gate:{NODE}:{ULID}"


def a_gate(**changes: Any) -> dict[str, Any]:
    gate: dict[str, Any] = {
        "id": GATE_ID,
        "type": "Gate",
        "kind": {"type": "VocabProperty", "vocab": "pedestrian"},
        "mode": {"type": "VocabProperty", "vocab": "open"},
    }
    return {name: said for name, said in {**gate, **changes}.items() if said is not None}


def rules(entity: Any, *, wanted: str | None = None, plain: bool = True) -> list[tuple[str, str]]:
    verdict = Judge(vocabulary(), plain_is_ours=plain).verdict(entity, wanted=wanted)
    return [(fault.path, fault.rule) for fault in verdict.faults]


WRITTEN = {
    "normalized": {},
    "concise": {"kind": {"vocab": "pedestrian"}, "mode": {"vocab": "open"}, "lastSeq": {"value": 4}},
    "simplified": {
        "kind": "pedestrian",
        "mode": {"vocab": "open"},
        "lastSeq": 4,
        "name": {"languageMap": {"zh": "北门"}},
    },
    "bare values": {"name": {"zh": "北门"}, "inArea": f"urn:ngsi-ld:Area:{NODE}", "externalId": [{"system": "a"}]},
    "bare geometry": {"location": {"type": "Point", "coordinates": [117.0, 36.6]}},
    "several instances": {"lastSeq": [{"value": 4}, {"value": 5, "datasetId": "urn:d:1"}]},
    "several, simplified": {"lastSeq": {"dataset": {"@none": 4, "urn:d:1": 5}}},
    "a list of one": {"methods": {"vocab": ["card", "qr"]}},
    "own addition": {"x_east_colour": {"type": "Property", "value": "red"}},
    "our context": {"@context": OWN},
    "our context, frozen": {"@context": CONTEXT_URL.replace("/v1/", "/v1.0.0/")},
    "scope": {"scope": ["/cn/r99/r9901", "/cn/r99/r9901/r990101/r990101001/r990101001001/g03"]},
    "system attributes": {"createdAt": "2026-11-23T02:15:07Z", "modifiedAt": "2026-11-23T02:15:07Z"},
}


@pytest.mark.parametrize("changes", WRITTEN.values(), ids=WRITTEN)
def test_every_way_of_writing_is_read(changes: dict[str, Any]) -> None:
    assert rules(a_gate(**changes)) == []


def test_expanded_names_are_read_as_a_broker_gives_them_without_our_context() -> None:
    expanded = {
        "id": GATE_ID,
        "type": f"{OURS}Gate",
        f"{OURS}kind": {"type": "VocabProperty", "vocab": "pedestrian"},
        "https://uri.etsi.org/ngsi-ld/mode": {"type": "VocabProperty", "vocab": "open"},
        "@context": CORE_CONTEXT_URL,
    }
    assert rules(expanded) == []


def test_a_context_of_ones_own_may_give_our_meanings() -> None:
    context = {"l": OURS, "Tor": "l:Gate", "art": {"@id": "l:kind"}, "mode": "https://uri.etsi.org/ngsi-ld/mode"}
    said = {"id": GATE_ID, "type": "Tor", "art": {"vocab": "lift"}, "mode": {"vocab": "open"}, "@context": context}
    assert rules(said) == []


FAULTY = {
    "no object": (7, [("", "entity")]),
    "no id": (a_gate(id=None), [("id", "member_missing")]),
    "id is no URI": (a_gate(id="gate 1"), [("id", "id_uri")]),
    "id of another form": (a_gate(id="urn:ngsi-ld:Gate:acme:1"), [("id", "id_form")]),
    "telephone in the id": (a_gate(id="urn:ngsi-ld:Gate:13812345678"), [("id", "id_personal")]),
    "identity number in the id": (a_gate(id="urn:ngsi-ld:Gate:990101194801010014"), [("id", "id_personal")]),
    "no type": (a_gate(type=None), [("type", "member_missing")]),
    "type is empty": (a_gate(type=[]), [("type", "member_missing")]),
    "type misspelt": (a_gate(type="Gates"), [("type", "type_near")]),
    "type of others": (a_gate(type="Vehicle"), [("type", "type_unknown")]),
    "two types of ours": (a_gate(type=["Gate", "Area"]), [("type", "type_two")]),
    "core context alone": (a_gate(**{"@context": CORE_CONTEXT_URL}), [("type", "context_core")]),
    "unknown context": (
        a_gate(**{"@context": "https://example.org/c.jsonld"}),
        [("@context", "context_unknown"), ("type", "context_unknown")],
    ),
    "name of another context": (
        a_gate(type=f"{OURS}Gate", **{"@context": CORE_CONTEXT_URL}),
        [("kind", "name_foreign"), ("kind", "required")],
    ),
    "scope begins with digits": (a_gate(scope="/cn/37"), [("scope", "scope")]),
    "scope leaves its line": (a_gate(scope="/cn/r37/r3801"), [("scope", "scope")]),
    "two spellings": (a_gate(**{f"{OURS}kind": "lift"}), [("kind", "name_twice")]),
    "code of another list": (a_gate(kind="door"), [("kind", "code")]),
    "unknown attribute": (a_gate(colour="red"), [("colour", "unknown")]),
    "face by name": (a_gate(faceImage="x"), [("faceImage", "never_name")]),
    "face by name in an own addition": (a_gate(x_east_face="x"), [("x_east_face", "never_name")]),
    "picture by content": (a_gate(dataProvider="data:image/png;base64,AAAA"), [("dataProvider", "never_picture")]),
    "picture as an address": (a_gate(source="data:image/png;base64,AAAA"), [("source", "never_picture")]),
    "picture in an own addition": (a_gate(x_east_shot="/9j/4AAQSkZJRgABAQ"), [("x_east_shot", "never_picture")]),
    "picture among words": (
        a_gate(name={"languageMap": {"zh": "北门 data:image/webp;q=1;base64,AAAA"}}),
        [("name.languageMap.zh", "never_picture")],
    ),
    "vector": (a_gate(externalId=[{"v": [0.5] * 128}]), [("externalId.json[0].v", "never_vector")]),
    "face inside JSON": (a_gate(externalId=[{"faceId": 1}]), [("externalId.json[0]", "never_name")]),
    "only a face opens": (a_gate(methods={"vocab": ["face"]}), [("methods", "not_alone")]),
}


@pytest.mark.parametrize(("entity", "found"), FAULTY.values(), ids=FAULTY)
def test_each_fault_is_found_where_it_stands(entity: Any, found: list[tuple[str, str]]) -> None:
    assert rules(entity) == found


def test_an_id_stands_there_once() -> None:
    judge = Judge(vocabulary())
    assert judge.verdict(a_gate()).passed
    assert [fault.rule for fault in judge.verdict(a_gate()).faults] == ["id_twice"]


def test_without_a_context_a_broker_means_the_core_context() -> None:
    assert rules(a_gate(), plain=False) == [("type", "context_core")]


def test_another_type_than_the_one_asked_for_is_a_fault() -> None:
    assert rules(a_gate(), wanted="Gate") == []
    assert rules(a_gate(), wanted="Area") == [("type", "type_other")]


def test_a_type_of_others_is_not_judged() -> None:
    judge = Judge(vocabulary())
    assert judge.verdict({"id": "urn:x:1", "type": "Vehicle"}).foreign
    assert not judge.verdict({"id": "urn:x:2", "type": "Gates"}).foreign


def test_an_id_that_may_be_a_persons_number_is_not_repeated() -> None:
    assert Judge(vocabulary()).verdict(a_gate(id="urn:ngsi-ld:Gate:13812345678")).id == ""


def test_every_fault_of_an_attribute_comes_with_an_example_that_is_right() -> None:
    judge = Judge(vocabulary())
    verdict = judge.verdict(a_gate(kind="door", methods={"vocab": ["face"]}))
    for fault in verdict.faults:
        example = judge.example(verdict, fault)
        assert example is not None
        assert rules(a_gate(**example)) == []


def test_a_card_number_is_found_in_free_text_but_turns_no_cry_for_help_away() -> None:
    text = {"text": {"type": "Property", "value": "卡号 4111 1111 1111 1111 被盗"}}
    assert vocabulary().check("ServiceCall", text, whole=False) == []
    form = {"form": {"type": "JsonProperty", "json": {"note": "4111 1111 1111 1111"}}}
    assert vocabulary().check("ServiceCall", form, whole=False) == []
    assert [fault.path for fault in vocabulary().check("ServiceCall", form, whole=False, strict=True)] == [
        "form.json.note"
    ]
    strict = vocabulary().check("ServiceCall", text, whole=False, strict=True)
    assert [fault.rule for fault in strict] == ["never_card"]


@pytest.mark.parametrize(
    ("said", "never"),
    [
        ("6222 0200 0000 0000 001", False),
        ("4111111111111111", True),
        ("370102194801010019", False),
        ("A4111111111111111", False),
        ("4111-1111-1111-1112", False),
    ],
)
def test_a_card_number_is_known_by_its_check_digit(said: str, never: bool) -> None:
    attrs = {"fullName": {"type": "Property", "value": said}}
    found = [fault.rule for fault in vocabulary().check("Resident", attrs, whole=False)]
    assert found == (["never_card"] if never else [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "value", "object", "vocab", "json", "languageMap", "coordinates", "dataset", "@value", "é"]
            ),
            below,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(
    entity=st.dictionaries(
        st.sampled_from(
            ["id", "type", "scope", "@context", "kind", "location", "name", "methods", "externalId", "x_a_b"]
        ),
        JSON,
        max_size=6,
    )
)
def test_nothing_that_is_json_makes_the_judge_fall_over(entity: dict[str, Any]) -> None:
    judge = Judge(vocabulary())
    for said in (entity, {**a_gate(), **entity}, {**a_gate(), "location": entity}):
        verdict = judge.verdict(said)
        for fault in verdict.faults:
            assert fault.message
            assert fault.said("zh")
            judge.example(verdict, fault)
