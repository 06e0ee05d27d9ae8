"""The templates of the pages: nothing that a strict Content-Security-Policy would refuse, no foreign address."""

import re

FORBIDDEN = {
    "a script in the page": re.compile(r"<script(?![^>]*\b(?:src=|type=.application/json))[^>]*>", re.IGNORECASE),
    "a style in the page": re.compile(r"<style[\s>]|\sstyle\s*=", re.IGNORECASE),
    "a handler in an attribute": re.compile(r"\shx-on|\son[a-z]+\s*=", re.IGNORECASE),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "text that is not escaped": re.compile(r"\|\s*safe\b|autoescape\s+false", re.IGNORECASE),
    "a foreign address": re.compile(r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//", re.IGNORECASE),
}


def test_no_template_holds_what_the_policy_of_the_page_forbids(files, root):
    templates = [path for path in files if path.is_relative_to(root / "src/linli/web/templates")]
    assert templates
    found = [
        f"{path.relative_to(root)}: {what}"
        for path in templates
        for what, pattern in FORBIDDEN.items()
        if pattern.search(path.read_text("utf-8"))
    ]
    assert found == []


def test_every_page_says_its_language(files, root):
    bases = [path for path in files if path.is_relative_to(root / "src/linli/web/templates") and path.suffix == ".html"]
    whole = [path for path in bases if "<html" in path.read_text("utf-8")]
    assert whole
    assert [path.name for path in whole if not re.search(r"<html[^>]*\blang=", path.read_text("utf-8"))] == []
