"""The words for people: both languages say the same things with the same facts."""

import string

import pytest

from linli.base import LANGUAGES, texts


def _facts(text):
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def test_both_languages_have_the_same_keys():
    assert set(texts("zh")) ^ set(texts("en")) == set()


def test_both_languages_fill_in_the_same_facts():
    zh, en = texts("zh"), texts("en")
    assert {key for key in zh.keys() & en.keys() if _facts(zh[key]) != _facts(en[key])} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language):
    assert [key for key, text in texts(language).items() if not text.strip()] == []


def test_chinese_is_written_in_chinese():
    """A text of letters only was forgotten in translation, unless it is a name or a unit."""
    latin = [key for key, text in texts("zh").items() if text == texts("en").get(key) and len(text.split()) > 2]
    assert latin == []
