"""What is made from the vocabulary agrees with itself: samples, JSON Schemas, @context documents, reference pages."""

import copy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from linli.base import write_json
from linli.vocab import CORE_CONTEXT_URL, MEMBER, Judge, published, reference_pages, vocabulary

TYPES = sorted(vocabulary().types)
CONTEXT_BYTES_MAX = 64_000


def errors(type_name: str, entity: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft202012Validator(vocabulary().json_schema(type_name)).iter_errors(entity)]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("whole", [False, True])
def test_the_sample_of_every_type_is_right(name: str, whole: bool) -> None:
    sample = vocabulary().sample(name, whole=whole)
    assert Judge(vocabulary()).verdict(sample).faults == []
    assert errors(name, sample) == []


@pytest.mark.parametrize("name", TYPES)
def test_every_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(vocabulary().json_schema(name))


@pytest.mark.parametrize("name", TYPES)
def test_what_a_schema_refuses_the_judge_refuses_too(name: str) -> None:
    """Each attribute in turn is left out, of another kind, or given a value that no kind takes."""
    sample = vocabulary().sample(name, whole=True)
    for one in vocabulary().types[name].attributes.values():
        if one.name not in sample:
            continue
        for change in ("leave out", "kind", "value"):
            entity = copy.deepcopy(sample)
            if change == "leave out":
                del entity[one.name]
            elif change == "kind":
                entity[one.name]["type"] = "Property" if one.kind == "Relationship" else "Relationship"
            else:
                entity[one.name][MEMBER[one.kind]] = None
            if errors(name, entity):
                assert Judge(vocabulary()).verdict(entity).faults, f"{one.name}: {change}"
            elif change != "leave out":
                pytest.fail(f"{one.name}: {change}: the schema takes it")


def test_the_schema_says_that_exactly_one_reading_is_given() -> None:
    reading = vocabulary().sample("MeterReading")
    assert errors("MeterReading", reading) == []
    assert errors("MeterReading", {**reading, "energy": {"type": "Property", "value": 4}})


def test_the_context_stays_small() -> None:
    assert len(write_json(vocabulary().context())) < CONTEXT_BYTES_MAX


@pytest.mark.parametrize("subject", vocabulary().subjects())
def test_partners_find_our_entities_by_the_names_of_smart_data_models(subject: str) -> None:
    terms, core = vocabulary().context(subject)["@context"]
    assert core == CORE_CONTEXT_URL
    reused = [entity for entity in vocabulary().types.values() if entity.reuse.startswith(f"{subject}/")]
    for entity in reused:
        assert terms[entity.name].startswith(f"https://smartdatamodels.org/{subject}/")
    iris = {iri if isinstance(iri, str) else iri["@id"] for term, iri in terms.items() if term != "@version"}
    assert any(one.sdm_iri in iris for entity in reused for one in entity.attributes.values() if one.sdm_iri)


def test_a_subject_that_nobody_reuses_has_no_context() -> None:
    with pytest.raises(KeyError):
        vocabulary().context("dataModel.Unicorn")


def test_there_is_a_page_for_every_type_with_both_titles_and_every_attribute() -> None:
    pages = reference_pages(vocabulary())
    assert set(pages) == {"README.md", "lists.md", *(f"{name}.md" for name in TYPES)}
    for name in TYPES:
        entity, page = vocabulary().types[name], pages[f"{name}.md"]
        assert f"# {name}: {entity.title['zh']} {entity.title['en']}" in page
        for attribute in entity.own:
            assert f"| `{attribute}`" in page
    for code_list in vocabulary().lists:
        assert f"\n## {code_list}\n" in pages["lists.md"]


def test_the_same_vocabulary_gives_the_same_pages_and_files() -> None:
    assert reference_pages(vocabulary()) == reference_pages(vocabulary())
    assert published(vocabulary()) == published(vocabulary())
    assert set(published(vocabulary())) >= {"context.jsonld", "context-dataModel.Alert.jsonld", "schema/Gate.json"}


def test_the_fingerprint_names_what_entities_are_judged_by() -> None:
    assert len(vocabulary().fingerprint()) == 64
    assert vocabulary().fingerprint() == vocabulary().fingerprint()
