"""Every word that a face says stands in the text files, and every text is said somewhere."""

import re
from pathlib import Path

import orjson

from linli.base import texts

ROOT = Path(__file__).resolve().parents[2]
FACES = ROOT / "faces"
USED = re.compile(
    r"""['"`](?:face\.)?((?:shared|resident|helper|worker|city|style)\.[A-Za-z_.]*[A-Za-z_])(\$\{|\.\$\{)?"""
)
SECTIONS = ("shared", "resident", "helper", "worker", "city", "style")


def sources() -> str:
    scripts = [p.read_text("utf-8") for p in FACES.rglob("*.js") if "node_modules" not in p.parts]
    pages = [p.read_text("utf-8") for p in (ROOT / "src/linli/web/templates").glob("*.html")]
    programs = [p.read_text("utf-8") for p in (ROOT / "src/linli/web").glob("_*.py")]
    return "\n".join(scripts + pages + programs)


def test_every_key_that_a_face_asks_for_is_there_in_both_languages():
    known = {key.removeprefix("face.") for key in texts("zh") if key.startswith("face.")}
    asked = {key for key, more in USED.findall(sources()) if not more and not key.endswith((".js", ".html"))}
    missing = {key for key in asked if key not in known and not any(one.startswith(key) for one in known)}
    assert missing == set()
    assert set(texts("zh")) == set(texts("en"))


def test_every_text_of_the_faces_is_asked_for():
    source = sources()
    idle = []
    for key in (key.removeprefix("face.") for key in texts("zh") if key.startswith("face.")):
        section, _, name = key.partition(".")
        stems = {re.sub(ending, "", name) for ending in (r"[A-Za-z0-9]+$", r"\w+$")}
        starts = {f"{section}.{stem}" for stem in stems}
        built = [start + end for start in starts for end in ("${", "' ~", "{")]
        if f"{section}.{name}" not in source and not any(mark in source for mark in built) and ".state." not in key:
            idle.append(key)
    assert idle == []


def test_templates_hold_no_words_of_their_own_and_nothing_inline():
    for page in (ROOT / "src/linli/web/templates").glob("*.html"):
        text = page.read_text("utf-8")
        assert not re.search(r"[\u4e00-\u9fff]", text), page.name
        assert not re.search(r"""\sstyle=|\son[a-z]+=|<script(?![^>]*(src=|application/json))""", text), page.name
        text = re.sub(r"<code>.*?</code>", "", text, flags=re.DOTALL)  # what is typed is the same in every language
        bare = re.sub(r"\{[{%].*?[%}]\}|<[^>]+>", "", text, flags=re.DOTALL)
        assert not re.search(r"[A-Za-z]{2,}", bare.replace("\n", " ")), page.name


def test_the_lock_file_names_no_registry():
    lock = orjson.loads((FACES / "package-lock.json").read_bytes())
    assert all("resolved" not in package for package in lock["packages"].values())
