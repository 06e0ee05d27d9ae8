"""The term engine: what a @context makes of a name, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.base.errors import BadRequestData, LdContextNotAvailable
from linli.broker import Contexts
from linli.broker._names import full_name, inner_name
from linli.vocab import CONTEXT_URL, CORE_CONTEXT_URL, vocabulary

DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
CONTEXTS = Contexts(vocabulary(), {}, default="linli")


def test_without_a_word_our_vocabulary_holds_and_its_names_stand_bare() -> None:
    terms = CONTEXTS.default
    assert terms.link == CONTEXT_URL
    assert terms.name("ServiceCall") == "ServiceCall"
    assert terms.iri("ServiceCall") == "https://w3id.org/linli#ServiceCall"
    assert terms.name("location") == "https://uri.etsi.org/ngsi-ld/location"
    assert terms.name("speed") == DEFAULT + "speed"


def test_a_node_may_speak_the_bare_standard() -> None:
    terms = Contexts(vocabulary(), {}, default="core").default
    assert terms.name("ServiceCall") == DEFAULT + "ServiceCall"
    assert terms.term("ServiceCall") == "https://w3id.org/linli#ServiceCall"


def test_every_code_of_the_vocabulary_stands_as_it_is_said_even_where_an_attribute_is_called_so() -> None:
    vocab, terms = vocabulary(), CONTEXTS.default
    codes = {
        code
        for entity in vocab.types.values()
        for one in entity.attributes.values()
        if one.kind == "VocabProperty"
        for code in one.choices
    }
    for code in codes:
        assert (terms.vocab_value(code), terms.vocab_term(terms.vocab_value(code))) == (code, code)


def test_every_name_of_the_vocabulary_goes_there_and_back() -> None:
    vocab, terms = vocabulary(), CONTEXTS.default
    for entity in vocab.types.values():
        assert terms.term(terms.name(entity.name)) == entity.name
        for attribute in entity.attributes.values():
            assert full_name(terms.name(attribute.name)) == attribute.iri
            assert terms.term(terms.name(attribute.name)) == attribute.name


def test_terms_prefixes_and_absolute_iris_expand() -> None:
    terms = CONTEXTS.of(
        [
            {
                "ex": "https://example.org/",
                "speed": "ex:v/speed",
                "fast": {"@id": "speed"},
                "Car": {"@id": "https://example.org/Car", "@type": "@id"},
                "self": "@id",
                "gone": None,
            },
            CORE_CONTEXT_URL,
        ]
    )
    assert terms.iri("speed") == terms.iri("fast") == "https://example.org/v/speed"
    assert terms.iri("ex:wheel") == "https://example.org/wheel"
    assert terms.iri("https://example.net/x") == "https://example.net/x"
    assert terms.iri("urn:x:y") == "urn:x:y"
    assert terms.iri("gone") == DEFAULT + "gone"
    assert terms.term("https://example.org/wheel") == "ex:wheel"
    assert terms.term("https://example.org/Car") == "Car"
    assert terms.term("https://example.org/v/speed") == "fast"
    assert terms.term("https://example.net/x") == "https://example.net/x"


def test_the_core_wins_and_its_vocab_expands_what_nobody_knows() -> None:
    terms = CONTEXTS.of({"@vocab": "https://example.org/", "location": "https://example.org/where", "a": "b"})
    assert terms.iri("location") == "https://uri.etsi.org/ngsi-ld/location"
    assert terms.iri("unknown") == DEFAULT + "unknown"
    assert terms.iri("a") == "https://example.org/b"


def test_a_short_name_is_not_given_to_what_it_does_not_mean() -> None:
    terms = CONTEXTS.of({"colour": "https://example.org/colour"})
    assert terms.term(DEFAULT + "colour") == "ngsi-ld:default-context/colour"
    assert terms.term(DEFAULT + "color") == "color"
    assert terms.vocab_term("colour") == "ngsi-ld:default-context/colour"
    assert terms.vocab_value("colour") == "https://example.org/colour"
    assert terms.vocab_value("red") == "red"
    assert terms.vocab_term("red") == "red"


def test_later_contexts_win_over_earlier_ones() -> None:
    terms = CONTEXTS.of([{"a": "https://example.org/1"}, [{"a": "https://example.org/2"}]])
    assert terms.iri("a") == "https://example.org/2"


@pytest.mark.parametrize(
    "said",
    [
        7,
        [None],
        {"a": 7},
        {"a": {"@id": 7}},
        {"a": {"@id": "https://example.org/a", "@context": {}}},
        {"a": "b:x", "b": "a:y"},
        {"a": "b", "b": "a"},
    ],
)
def test_what_is_no_context_is_refused(said: Any) -> None:
    with pytest.raises(BadRequestData):
        CONTEXTS.of(said)


def test_contexts_within_contexts_have_an_end() -> None:
    said: Any = {}
    for _ in range(20):
        said = [said]
    with pytest.raises(BadRequestData, match="nested"):
        CONTEXTS.of(said)


def test_a_remote_context_is_never_fetched() -> None:
    for said in ("https://example.org/context.jsonld", {"@import": "https://example.org/context.jsonld"}):
        with pytest.raises(LdContextNotAvailable):
            CONTEXTS.of(said)


def test_contexts_that_the_node_was_given_are_read_from_their_files(tmp_path: Path) -> None:
    good, broken, other = tmp_path / "good.jsonld", tmp_path / "broken.jsonld", tmp_path / "other.jsonld"
    good.write_text('{"@context": {"speed": "https://example.org/speed"}}')
    broken.write_text("{")
    other.write_text("{}")
    contexts = Contexts(
        vocabulary(),
        {"https://a/": good, "https://b/": broken, "https://c/": tmp_path / "absent", "https://d/": other},
        default="linli",
    )
    assert contexts.of("https://a/").iri("speed") == "https://example.org/speed"
    assert contexts.of("https://a/") is contexts.of("https://a/")
    for url in ("https://b/", "https://c/"):
        with pytest.raises(LdContextNotAvailable):
            contexts.of(url)
    with pytest.raises(BadRequestData):
        contexts.of("https://d/")


def test_the_core_is_known_under_all_its_versions() -> None:
    for version in ("", "-v1.3", "-v1.8", "-v1.9"):
        url = f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context{version}.jsonld"
        assert CONTEXTS.of(url).name("speed") == DEFAULT + "speed"


@pytest.mark.parametrize(
    ("context", "term", "iri"),
    [
        ({"ex": "https://example.org/", "ex:a": {}}, "ex:a", "https://example.org/a"),
        ({"ex": "https://example.org/x", "ex:a": {}}, "ex:a", "https://example.org/xa"),
        ({"ex": "https://example.org/x"}, "ex:a", "ex:a"),
        ({"ex": {"@id": "https://example.org/"}}, "ex:a", "ex:a"),
        ({"ex": {"@id": "https://example.org/x", "@prefix": True}}, "ex:a", "https://example.org/xa"),
        ({"ex": "https://example.org/"}, "ex://a", "ex://a"),
        ({"b": "a", "a": "https://example.org/a"}, "b", "https://example.org/a"),
        ([{"a": "https://example.org/a"}, {"b": "a"}, {"a": None}], "b", "https://example.org/a"),
        ([{"a": "https://example.org/a"}, {"a": None}], "a", DEFAULT + "a"),
        ([{"@vocab": "https://example.org/"}, {"a": "b"}], "a", "https://example.org/b"),
        ([{"@vocab": "https://example.org/"}, {"@vocab": None, "a": "b"}], "a", DEFAULT + "b"),
        ({"a": {"@reverse": "https://example.org/a"}}, "a", DEFAULT + "a"),
        ({"title": "https://example.org/title"}, "title", "http://purl.org/dc/terms/title"),
        ({"ngsi-ld": "https://example.org/"}, "ngsi-ld:x", "https://uri.etsi.org/ngsi-ld/x"),
    ],
)
def test_definitions_are_read_as_json_ld_reads_them(context: Any, term: str, iri: str) -> None:
    assert CONTEXTS.of(context).iri(term) == iri


@pytest.mark.parametrize(
    ("context", "iri", "term"),
    [
        ({"long": "https://example.org/a", "ab": "https://example.org/a"}, "https://example.org/a", "ab"),
        ({"b": "https://example.org/a", "a": "https://example.org/a"}, "https://example.org/a", "a"),
        (
            {"a": {"@id": "https://example.org/a", "@type": "http://t/T"}, "long": "https://example.org/a"},
            "https://example.org/a",
            "long",
        ),
        ({"a": {"@id": "https://example.org/a", "@type": "http://t/T"}}, "https://example.org/a", "a"),
        ({"x": "https://example.org/", "y": "https://example.org/deep/"}, "https://example.org/deep/a", "y:a"),
        ({"x": "https://example.org/", "x:a": "https://example.org/a"}, "https://example.org/a", "x:a"),
        ({"x": {"@id": "https://example.org/"}}, "https://example.org/a", "https://example.org/a"),
        ({"x": "https://example.org/"}, "https://example.org/", "x"),
    ],
)
def test_the_shortest_way_to_say_a_name_is_taken(context: Any, iri: str, term: str) -> None:
    assert CONTEXTS.of(context).term(inner_name(iri)) == term


def test_the_same_words_with_another_meaning_have_another_key() -> None:
    one, other = (Contexts(vocabulary(), {}, default="core").of({"a": iri}) for iri in ("urn:x:1", "urn:x:2"))
    assert one.key != other.key
    assert one.key == CONTEXTS.of({"a": "urn:x:1"}).key


def test_words_of_one_s_own_for_id_and_type_are_put_right_outside_of_values() -> None:
    terms = CONTEXTS.of({"name": "@id", "kind": "@type", "else": "@graph"})
    said = {"name": "a", "kind": "T", "x": [{"kind": "P", "value": {"kind": 1}, "else": {"name": 2}}]}
    assert terms.plain(said) == {"id": "a", "type": "T", "x": [{"type": "P", "value": {"kind": 1}, "else": {"id": 2}}]}
    assert CONTEXTS.default.plain(said) is said


IRIS = st.one_of(
    st.builds("https://w3id.org/linli#{}".format, st.text("abcXYZ09_:/#", max_size=8)),
    st.builds((DEFAULT + "{}").format, st.text("abcXYZ09_:", max_size=8)),
    st.builds("urn:{}".format, st.text("abc:/#", max_size=8)),
)


@given(IRIS)
def test_names_in_documents_lead_back_to_their_iri(iri: str) -> None:
    assert full_name(inner_name(iri)) == iri


@given(st.dictionaries(st.text("abcd", min_size=1, max_size=3), IRIS, max_size=4), IRIS)
def test_what_is_compacted_expands_to_the_same(context: dict[str, str], iri: str) -> None:
    terms = CONTEXTS.of(context)
    assert terms.iri(terms.term(inner_name(iri))) == iri
