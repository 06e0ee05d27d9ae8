"""The pages as the server makes them: language, policy, cached files, forms."""

import gzip
import re
from pathlib import Path

import httpx
import orjson
import pytest

from linli.base import LANGUAGES
from linli.web import _pages

ROOT = Path(__file__).resolve().parents[2]
HOME_BUDGET_BYTES = 60 * 1024
STATIC = ROOT / "src/linli/web/static"
FACES = ["/", "/helper", "/worker", "/city", "/style"]


@pytest.fixture(scope="module")
def http(base_url):
    with httpx.Client(base_url=base_url, timeout=20) as client:
        yield client


@pytest.mark.browser
@pytest.mark.parametrize("path", FACES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_answers_in_its_language_under_the_strict_policy(http, path, language):
    answer = http.get(path, params={"lang": language})
    assert answer.status_code == 200
    assert answer.headers["content-language"] == language
    assert answer.headers["content-security-policy"] == _pages.CSP
    assert "unsafe" not in _pages.CSP
    assert ('lang="zh-CN"' if language == "zh" else 'lang="en"') in answer.text


@pytest.mark.browser
@pytest.mark.parametrize(
    ("prefers", "wanted"),
    [
        ("", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("fr,en;q=0.5,zh;q=0.7", "zh"),
        ("zh-TW;q=0.3, en;q=0.4", "en"),
        ("fr;q=x", "zh"),
    ],
)
def test_the_language_follows_the_browser_and_chinese_is_the_first(base_url, prefers, wanted):
    answer = httpx.get(f"{base_url}/", headers={"accept-language": prefers})
    assert answer.headers["content-language"] == wanted


@pytest.mark.browser
def test_a_chosen_language_and_size_are_remembered(base_url):
    with httpx.Client(base_url=base_url, headers={"accept-language": "zh"}) as client:
        client.get("/?lang=en&elder=1")
        answer = client.get("/")
    assert answer.headers["content-language"] == "en"
    assert "data-elder" in answer.text


@pytest.mark.browser
def test_built_files_come_compressed_and_may_be_kept_for_ever(http):
    script = re.search(r'src="(/static/resident-[^"]+\.js)"', http.get("/").text).group(1)
    packed = http.get(script, headers={"accept-encoding": "br;q=1.0, gzip"})
    plain = http.get(script, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "br"
    assert "immutable" in plain.headers["cache-control"]
    assert "content-encoding" not in plain.headers
    assert gzip.decompress((STATIC / f"{script.rsplit('/', 1)[1]}.gz").read_bytes()) == plain.content
    assert http.get("/static/manifest.json").status_code == 404
    assert http.get("/static/..%2f_pages.py").status_code == 404


@pytest.mark.browser
def test_a_posted_form_that_cannot_be_taken_says_so_on_the_page_and_keeps_the_number_in_sight(http):
    answer = http.post("/call", data={"kind": "no.such", "lon": "1", "lat": "1"})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert 'href="tel:' in answer.text
    assert http.post("/call", data={"kind": "elder.sos", "lon": "east", "lat": "1"}).status_code == 400
    assert http.post("/call", content=b"{}", headers={"content-type": "application/json"}).status_code == 400


@pytest.mark.browser
def test_the_resident_s_first_load_keeps_its_budget_and_has_no_map_in_it(base_url):
    names = orjson.loads((STATIC / "manifest.json").read_bytes())
    wanted, loaded = [names["resident.js"]], set()
    while wanted:
        name = wanted.pop()
        if name in loaded:
            continue
        loaded.add(name)
        script = (STATIC / name).read_text("utf-8")
        wanted += re.findall(r'(?:from|import)"\./([^"]+\.js)"', script)
    loaded.add(names["resident.css"])
    size = sum((STATIC / f"{name}.br").stat().st_size for name in loaded)
    assert size <= HOME_BUDGET_BYTES
    assert not any("WebGL" in (STATIC / name).read_text("utf-8") for name in loaded)


def test_without_built_files_the_pages_say_what_to_run(tmp_path):
    assets = _pages.Assets(tmp_path)
    assert assets.names() == {}
    assert assets.url("resident.js") == "/static/resident.js"
