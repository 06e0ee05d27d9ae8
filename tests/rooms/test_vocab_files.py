"""The built-in vocabulary obeys its own rules, and the loader refuses files that do not."""

import copy
import tomllib
from importlib import resources
from string import Formatter
from typing import Any

import pytest

from linli.base.errors import BadVocabulary
from linli.vocab import CORE_CONTEXT_URL, FORBIDDEN_NAME, MEMBER, Vocab, build, role_titles, vocabulary
from linli.vocab._faults import fault_words

TYPES = sorted(vocabulary().types)


def _files(folder: str) -> dict[str, Any]:
    here = resources.files("linli.vocab").joinpath(folder)
    return {
        file.name: tomllib.loads(file.read_text("utf-8")) for file in sorted(here.iterdir(), key=lambda file: file.name)
    }


def _source() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    common = tomllib.loads(resources.files("linli.vocab").joinpath("common.toml").read_text("utf-8"))
    lists = {name.removesuffix(".toml"): tree for name, tree in _files("lists").items()}
    return copy.deepcopy((_files("types"), lists, common))


def test_the_vocabulary_holds_every_type_of_the_standard() -> None:
    assert len(TYPES) == 50
    assert {"ServiceCall", "EmergencyCard", "EntryExitRecord", "Alert", "Device", "Kpi", "VitalObserved"} <= set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_every_attribute_says_how_private_it_is_and_how_long_it_is_kept(name: str) -> None:
    lists = vocabulary().lists
    for one in vocabulary().types[name].attributes.values():
        assert one.pii in {"none", "personal", "sensitive"}, one.name
        assert one.purpose
        assert set(one.purpose) <= set(lists["purpose"].codes)
        assert one.keep_from in lists["keep_from"].codes
        assert one.mask in lists["mask"].codes
        assert one.keep_days >= -1
        assert one.title["zh"]
        assert one.title["en"]
        if one.pii == "sensitive":
            assert one.mask != "none", f"{name}.{one.name} is sensitive and would be shown unmasked"


def test_a_name_has_one_iri_in_all_types_and_an_iri_one_name() -> None:
    vocab = vocabulary()
    for entity in vocab.types.values():
        assert vocab.term_of(entity.iri) == entity.name
        for one in entity.attributes.values():
            assert vocab.iri_of(one.name) == one.iri
            assert vocab.term_of(one.iri) == one.name


def test_engines_find_calls_and_helpers_by_what_they_look_for() -> None:
    types = vocabulary().types
    indexed = {name: {a.name for a in entity.attributes.values() if a.indexed} for name, entity in types.items()}
    assert {"state", "serviceKind", "assigned", "homeArea", "caller", "pressKey", "offeredTo"} <= indexed["ServiceCall"]
    assert {"helper", "call", "answer"} <= indexed["Offer"]
    assert {"organization", "dutyState", "hasSkill", "inArea"} <= indexed["Helper"]
    assert {"helper", "covers"} <= indexed["Shift"]
    assert {"code", "areaLevel", "parent"} <= indexed["Area"]


def test_the_roles_are_the_closed_list_that_all_rooms_share() -> None:
    assert list(role_titles()) == [
        "city_official",
        "officer",
        "clerk",
        "community_worker",
        "grid_worker",
        "seat",
        "guard",
        "dispatcher",
        "helper",
        "courier",
        "doctor",
        "counsellor",
        "resident",
        "guardian",
        "analyst",
        "privacy_officer",
        "auditor",
        "administrator",
        "device",
        "vendor",
        "peer",
        "caller",
    ]
    assert not vocabulary().lists["role"].open


def test_the_call_states_are_those_people_read_about() -> None:
    from linli.base import texts

    states = vocabulary().lists["call_state"].codes
    assert {f"state.{state}" for state in states} == {key for key in texts("en") if key.startswith("state.")}


def test_the_context_is_flat_and_ends_in_the_core_context() -> None:
    terms, core = vocabulary().context()["@context"]
    assert core == CORE_CONTEXT_URL
    assert terms.pop("@version") == 1.1
    for term, meaning in terms.items():
        iri = meaning if isinstance(meaning, str) else meaning["@id"]
        assert vocabulary().iri_of(term) == iri
        if not isinstance(meaning, str):
            assert meaning == {"@id": iri, "@type": "@id"}
    assert terms["location"] == "https://uri.etsi.org/ngsi-ld/location"
    assert terms["title"] == "http://purl.org/dc/terms/title"
    assert terms["assigned"] == {"@id": "https://w3id.org/linli#assigned", "@type": "@id"}


def test_the_json_schema_of_a_type_names_what_is_required_and_allowed() -> None:
    schema = vocabulary().json_schema("Offer")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["id", "type", "call", "sentAt", "openUntil", "answer"]
    answer = schema["properties"]["answer"]["oneOf"][0]
    assert answer["required"] == ["type", "vocab"]
    assert answer["properties"]["vocab"] == {
        "enum": ["open", "accepted", "declined", "timeout", "withdrawn", "lost"],
    }
    assert schema["properties"]["eta"]["oneOf"][0]["properties"]["unitCode"] == {"const": "SEC"}
    assert schema["properties"]["rank"]["oneOf"][0]["properties"]["value"] == {"type": "integer", "minimum": 1}


@pytest.mark.parametrize("name", TYPES)
def test_every_type_has_a_schema_with_all_its_attributes(name: str) -> None:
    entity, schema = vocabulary().types[name], vocabulary().json_schema(name)
    assert set(schema["properties"]) == {"id", "type", "scope", "@context", *entity.attributes}
    for one in entity.attributes.values():
        assert MEMBER[one.kind] in schema["properties"][one.name]["oneOf"][0]["properties"]


def test_building_the_vocabulary_twice_gives_the_same_context() -> None:
    assert build(*_source()).context() == vocabulary().context()


# What the loader refuses: (type file, attribute or None, key, new value or None to drop, what the error says).
WRONG_FILES = [
    ("Offer.toml", None, "default", {"pii": "none"}, "Offer.toml: attribute call: purpose: compulsory"),
    ("Offer.toml", "rank", "kind", "Prop", "attribute rank: kind: one of GeoProperty"),
    ("Offer.toml", "rank", "value", "int", "attribute rank: value: one of boolean"),
    ("Offer.toml", "rank", "title", {"zh": "第几次"}, "attribute rank: title: both zh and en are needed"),
    ("Offer.toml", "rank", "title", {"zh": "第几次", "en": " "}, "attribute rank: title.en: is empty"),
    ("Offer.toml", "rank", "unit", "FURLONG", "attribute rank: unit: FURLONG is not in lists/unit.toml"),
    ("Offer.toml", "rank", "pii", "secret", "attribute rank: pii: one of none, personal, sensitive"),
    ("Offer.toml", "rank", "pii", "minor", "attribute rank: pii: one of none, personal, sensitive"),
    ("Offer.toml", "rank", "purpose", ["fun"], "attribute rank: purpose: one of access"),
    ("Offer.toml", "rank", "purpose", [], "attribute rank: purpose: at least one"),
    ("Offer.toml", "rank", "keep_days", -2, "attribute rank: keep_days: whole days"),
    ("Offer.toml", "rank", "keep_days", True, "attribute rank: keep_days: whole days"),
    ("Offer.toml", "rank", "keep_from", "forever", "attribute rank: keep_from: one of closed"),
    ("Offer.toml", "rank", "mask", "stars", "attribute rank: mask: one of all"),
    ("Offer.toml", "rank", "colour", "red", "attribute rank: colour: unknown"),
    ("Offer.toml", "rank", "name", "expiresAt", "name: NGSI-LD keeps this name for itself"),
    ("Offer.toml", "rank", "name", "scope", "name: NGSI-LD keeps this name for itself"),
    ("Offer.toml", "rank", "name", "faceVector", "name: this is never kept"),
    ("Offer.toml", "rank", "name", "fingerprintHash", "name: this is never kept"),
    ("Offer.toml", "rank", "name", "Rank", "name: an attribute is written like receivedAt"),
    ("Offer.toml", "rank", "name", "call", "attribute call: stands twice"),
    ("Offer.toml", "call", "value", "string", "attribute call: value: only a Property or a ListProperty"),
    ("Offer.toml", "answer", "choices", None, "attribute answer: choices: a VocabProperty names its code list"),
    ("Offer.toml", "answer", "choices", "answers", "attribute answer: choices: there is no lists/answers.toml"),
    ("Offer.toml", "sentAt", "iri", "https://w3id.org/linli#answer", "iri is already that of"),
    ("Offer.toml", None, "type", "offer", "Offer.toml: type: a type is written like ServiceCall"),
    ("Offer.toml", None, "type", "Bid", "Offer.toml: type: a type is written like ServiceCall"),
    ("Offer.toml", None, "iri", "https://w3id.org/linli#Area", "iri: already the IRI of Area"),
    ("Offer.toml", None, "status", "new", "Offer.toml: status: one of deprecated, draft, stable"),
    ("Offer.toml", None, "text", {"zh": "派单"}, "Offer.toml: text: both zh and en are needed"),
    ("Offer.toml", None, "id", "", "Offer.toml: id: is missing"),
    ("Offer.toml", None, "extra", 1, "Offer.toml: extra: unknown"),
    ("Gate.toml", "mode", "iri", "https://w3id.org/linli#mode", "core context gives this name the IRI"),
    ("Area.toml", "boundary", "shapes", ["Square"], "attribute boundary: shapes: one of LineString"),
    ("ServiceKind.toml", "urgency", "unit", "MIN", "attribute urgency: its unit differs from that of ServiceCall"),
    ("Offer.toml", "rank", "name", "attributeNames", "name: NGSI-LD keeps this name for itself"),
    ("Offer.toml", "rank", "name", "LAeq", "name: an attribute is written like receivedAt"),
    ("Offer.toml", "rank", "form", "phone", "attribute rank: form: only a string has one"),
    ("Offer.toml", "call", "unit", "MIN", "attribute call: unit: only a Property or a ListProperty has one"),
    ("Offer.toml", None, "reuse", "dataModel.Parking", "reuse: written like dataModel.Parking/ParkingSpot@0.1.0"),
    ("Offer.toml", None, "rule", [{"before": "rank"}], "rule: there is no rule of the keys before"),
    ("Offer.toml", None, "rule", [{"in_order": ["rank", "size"]}], "rule: the type has no attribute size"),
    ("Kpi.toml", None, "rule", [], "rule: a type that counts people says how many are too few to be told"),
    ("Resident.toml", "telephone", "form", "fax", "attribute telephone: form: one of citizen_id"),
    ("ServiceKind.toml", "urgency", "value", "number", "attribute urgency: its value differs from that of ServiceCall"),
]


@pytest.mark.parametrize(("file", "attribute", "key", "value", "message"), WRONG_FILES)
def test_a_wrong_file_is_refused_with_its_place(
    file: str, attribute: str | None, key: str, value: object, message: str
) -> None:
    types, lists, common = _source()
    tree = types[file]
    if attribute is not None:
        tree = next(one for one in tree["attribute"] if one["name"] == attribute)
    if value is None:
        del tree[key]
    else:
        tree[key] = value
    with pytest.raises(BadVocabulary) as caught:
        build(types, lists, common)
    assert message in caught.value.message


def test_a_code_list_without_english_is_refused() -> None:
    types, lists, common = _source()
    lists["sex"]["codes"]["male"] = {"zh": "男"}
    with pytest.raises(BadVocabulary, match=r"lists/sex.toml: codes.male: both zh and en"):
        build(types, lists, common)


def test_a_code_that_is_not_plain_ascii_is_refused() -> None:
    types, lists, common = _source()
    lists["sex"]["codes"]["男"] = {"zh": "男", "en": "Male"}
    with pytest.raises(BadVocabulary, match="a code is ASCII letters"):
        build(types, lists, common)


def test_no_name_is_used_for_what_is_never_kept() -> None:
    for entity in vocabulary().types.values():
        for name in entity.attributes:
            assert not FORBIDDEN_NAME.search(name), name


def test_every_unit_has_a_name_and_every_unit_used_is_listed() -> None:
    units = vocabulary().lists["unit"].codes
    used = {one.unit for entity in vocabulary().types.values() for one in entity.attributes.values() if one.unit}
    assert {"CEL", "GQ", "59", "2N", "E32", "HN"} <= used <= set(units)


def test_both_languages_tell_each_fault_with_the_same_facts() -> None:
    for rule, words in fault_words().items():
        facts = [{name for _, name, _, _ in Formatter().parse(words[lang]) if name} for lang in ("zh", "en")]
        assert facts[0] == facts[1], rule


def test_a_type_may_make_a_common_attribute_stricter_but_not_looser() -> None:
    types, lists, common = _source()
    address = next(one for one in common["attribute"] if one["name"] == "address")
    address["pii"] = "sensitive"
    with pytest.raises(BadVocabulary, match="address: pii: personal is looser than sensitive"):
        build(types, lists, common)


def test_a_vocabulary_of_one_type_stands_alone() -> None:
    types, lists, common = _source()
    vocab = build({"Area.toml": types["Area.toml"]}, lists, common)
    assert isinstance(vocab, Vocab)
    assert vocab.iri_of("helper") is None
    assert vocab.term_of("https://w3id.org/linli#helper") is None
