"""A vendor checks his entities: he exports them, reads what is wrong, mends it, and shows the report."""

from __future__ import annotations

import asyncio
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
from real_node import RealNode

from linli.cli import main
from linli.client import AsyncNgsiLdClient
from linli.vocab import CONTEXT_URL, CORE_CONTEXT_URL, vocabulary

FOREIGN = re.compile(r"""(?:src|href|action|url\()\s*=?\s*["']?(?:https?:)?//""", re.IGNORECASE)


def written(folder: Path, name: str, value: Any) -> str:
    file = folder / name
    file.write_bytes(value if isinstance(value, bytes) else orjson.dumps(value))
    return str(file)


def sensors(count: int) -> list[dict[str, Any]]:
    """Return smoke detectors as a vendor first exports them: simplified values, and four mistakes in each."""
    return [
        {
            "id": f"urn:ngsi-ld:SmokeObserved:acme:{number}",
            "type": "SmokeObserved",
            "smoke": "false",
            "gas": {"vocab": "LOW"},
            "coLevel": {"type": "Property", "value": 3, "unitCode": "C62"},
            "refDevice": f"urn:ngsi-ld:Device:990101001001:01JDSAMP1E00000000000000{number:02d}",
        }
        for number in range(count)
    ]


def mended(number: int) -> dict[str, Any]:
    device = f"urn:ngsi-ld:Device:990101001001:01JDSAMP1E00000000000000{number:02d}"
    return {
        "id": f"urn:ngsi-ld:SmokeObserved:990101001001:01JDSAMP1E00000000000000{number:02d}",
        "type": "SmokeObserved",
        "scope": "/cn/r99/r9901/r990101/r990101001/r990101001001",
        "smoke": {"type": "Property", "value": False},
        "gas": {"type": "VocabProperty", "vocab": "low"},
        "coLevel": {"type": "Property", "value": 3, "unitCode": "59"},
        "refDevice": {"type": "Relationship", "object": device},
    }


def test_he_is_told_entity_by_entity_what_is_wrong_and_how_it_is_written(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "report.json"
    assert main(["check", written(tmp_path, "first.json", sensors(3)), "--json", str(out)]) == 1
    said = capsys.readouterr().out
    assert "smoke: 必须是 true 或 false。 must be true or false." in said
    assert '"smoke":{"type":"Property","value":true}' in said
    report = orjson.loads(out.read_bytes())
    assert (report["level"], report["entities"], report["failed"]) == (0, 3, 3)
    assert [(one["path"], one["times"]) for one in report["faults"]] == [
        ("coLevel", 3),
        ("gas", 3),
        ("id", 3),
        ("smoke", 3),
    ]
    for finding in report["findings"]:
        assert [fault["path"] for fault in finding["faults"]] == ["id", "smoke", "gas", "coLevel"]
        for fault in finding["faults"]:
            assert fault["message"]["zh"]
            assert fault["message"]["en"]


def test_he_mends_them_reaches_the_level_and_shows_the_page(tmp_path: Path, capsys: Any) -> None:
    page = tmp_path / "report.html"
    source = written(tmp_path, "second.json", [mended(number) for number in range(3)])
    assert main(["check", source, "--html", str(page), "--lang", "en"]) == 0
    assert "Level 1 reached" in capsys.readouterr().out
    shown = page.read_text("utf-8")
    assert "Level 1 reached" in shown
    assert vocabulary().fingerprint() in shown
    assert "达到" not in shown
    assert not FOREIGN.search(shown)
    assert "<script" not in shown


def test_what_he_wrote_cannot_become_part_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    hostile = {**mended(1), "<script>alert(1)</script>": 1, "id": "urn:x:'\"><script>", "type": "Smoke<b>Observed"}
    assert (
        main(["check", written(tmp_path, "x.json", [hostile, {**mended(2), "<img src=x>": 1}]), "--html", str(page)])
        == 1
    )
    assert "<script" not in page.read_text("utf-8")
    assert "<img" not in page.read_text("utf-8")


FILES = {
    "a list": orjson.dumps,
    "one entity": lambda entities: orjson.dumps(entities[0]),
    "one a line": lambda entities: b"\n".join(map(orjson.dumps, entities)) + b"\n",
    "with a mark of the byte order": lambda entities: b"\xef\xbb\xbf" + orjson.dumps(entities),
    "with our context": lambda entities: orjson.dumps(
        [{**one, "@context": [CONTEXT_URL, CORE_CONTEXT_URL]} for one in entities]
    ),
}


@pytest.mark.parametrize("form", FILES.values(), ids=FILES)
def test_every_kind_of_file_is_read(form: Any, tmp_path: Path) -> None:
    assert main(["check", written(tmp_path, "entities", form([mended(1), mended(2)]))]) == 0


TABLE = """\
id;type;scope;name.zh;name.en;location.lon;location.lat;smoke;coLevel;coLevel.unitCode;refDevice
{id}01;SmokeObserved;/cn/r99/r9901;一号;One;117.02;36.66;FALSE;3;59;{device}01
{id}02;SmokeObserved;;;;117.03;36.66;true;;;{device}02

"""


def table(text: str) -> bytes:
    """Return a table as a spreadsheet writes it, with a mark of the byte order."""
    device = "urn:ngsi-ld:Device:990101001001:01JDSAMP1E00000000000000"
    return text.format(id=device.replace(":Device:", ":SmokeObserved:"), device=device).encode("utf-8-sig")


def test_a_table_is_read_row_by_row(tmp_path: Path, capsys: Any) -> None:
    assert main(["check", written(tmp_path, "right.csv", table(TABLE)), "--lang", "en"]) == 0
    assert "All 2 entities follow the standard." in capsys.readouterr().out
    wrong = TABLE.replace("FALSE", "no").replace(";true;", ";true;;").replace("name.en", "naem")
    assert main(["check", written(tmp_path, "wrong.csv", table(wrong)), "--lang", "en"]) == 1
    said = capsys.readouterr().out
    assert "✗ line 2" in said
    assert "smoke: must be true or false." in said
    assert "naem: SmokeObserved has no such attribute" in said
    assert "✗ line 3" in said


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("name,smoke\n1,2\n", [], "one of them must be id"),
        ("id,smoke\n1,2\n", [], "has no column type"),
        ("id,smoke,smoke\n1,2,3\n", ["--type", "SmokeObserved"], "two columns have the same name"),
        ('id,smoke\n1,"2\n', ["--type", "SmokeObserved"], "line 2 is no row of a table"),
    ],
)
def test_a_table_that_cannot_be_read_gets_one_clear_line(
    text: str, words: list[str], message: str, tmp_path: Path, capsys: Any
) -> None:
    assert main(["check", written(tmp_path, "table.csv", text.encode()), *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def ring(west: float, east: float) -> list[list[float]]:
    return [[west, 36.6], [east, 36.6], [east, 36.7], [west, 36.7], [west, 36.6]]


@pytest.mark.parametrize(
    ("area", "rule"),
    [
        ({"type": "Polygon", "coordinates": [ring(117.0, 117.1)]}, None),
        ({"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": [[ring(116, 117)], [ring(117, 118)]]}}, None),
        ({"type": "Polygon", "coordinates": [ring(117.0, 117.016)]}, "outside_shifted"),
        ({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring(116.0, 117.0)]}}]}, "outside"),
    ],
)  # fmt: skip
def test_places_must_lie_inside_the_boundary_that_he_gives(area: Any, rule: str | None, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    lamp = {
        **mended(1),
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.02, 36.66]}},
    }
    words = ["check", written(tmp_path, "lamp.json", lamp), "--area", written(tmp_path, "area.geojson", area)]
    assert main([*words, "--json", str(out)]) == (rule is not None)
    assert [one["rule"] for one in orjson.loads(out.read_bytes())["faults"]] == ([rule] if rule else [])


@pytest.mark.parametrize("area", [{"type": "Point", "coordinates": [1, 2]}, [], {"type": "Polygon", "coordinates": []}])
def test_a_boundary_without_an_area_gets_one_clear_line(area: Any, tmp_path: Path, capsys: Any) -> None:
    words = ["check", written(tmp_path, "lamp.json", mended(1)), "--area", written(tmp_path, "a.geojson", area)]
    assert main(words) == 2
    assert "a.geojson: " in capsys.readouterr().err


def test_a_broken_line_is_one_fault_and_the_others_are_judged(tmp_path: Path, capsys: Any) -> None:
    lines = [orjson.dumps(mended(1)), b"{broken", orjson.dumps(mended(2))]
    assert main(["check", written(tmp_path, "e.jsonl", b"\n".join(lines)), "--lang", "en"]) == 1
    said = capsys.readouterr().out
    assert "✗ line 2" in said
    assert "Of 3 entities, 1 do not follow the standard." in said


REFUSED = {
    "empty": (b"", "is empty"),
    "no JSON": (b"<entities/>", "not valid JSON"),
    "no UTF-8": ("烟感".encode("gbk"), "is not UTF-8; save it as UTF-8"),
    "a number": (b"7", "holds neither an entity nor a list"),
    "GeoJSON": (b'{"type":"FeatureCollection","features":[]}', "is GeoJSON"),
    "too deep": (b"[" * 200_000, "not valid JSON"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_read_gets_one_clear_line(
    content: bytes, message: str, tmp_path: Path, capsys: Any
) -> None:
    assert main(["check", written(tmp_path, "entities", content)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.json"], "cannot be read"),
        (["nowhere.json", "--type", "Unicorn"], "is no type of the standard"),
        (["nowhere.json", "--header", "a:b"], "only a URL is asked with headers"),
        (["nowhere.json", "--through", "broker"], "--through: must be the URL of a broker"),
        (["nowhere.json", "--html", "no/folder/here.html"], "cannot be written"),
        (["http://127.0.0.1:1", "--header", "no colon"], "written NAME:VALUE"),
        (["http://127.0.0.1:1"], "http://127.0.0.1:1: GET /ngsi-ld/v1/types"),
        (["http://user:secret@127.0.0.1:1/x.json"], "http://127.0.0.1:1/x.json: GET"),
    ],
)
def test_words_that_cannot_be_followed_get_one_clear_line(words: list[str], message: str, capsys: Any) -> None:
    assert main(["check", *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "secret" not in said


def test_a_running_broker_is_asked_page_by_page(tmp_path: Path) -> None:
    asyncio.run(_check_a_broker(tmp_path))


async def _load(url: str) -> None:
    """Write 230 entities of the standard, one whose names lack our @context, and one of another type."""
    context = {"@context": [CONTEXT_URL, CORE_CONTEXT_URL]}
    right = [{**mended(1), "id": f"{mended(0)['id'][:-4]}{number:04d}", **context} for number in range(230)]
    bare = {"id": "urn:x:1", "type": "SmokeObserved", "smoke": {"type": "Property", "value": 1}}
    others = {"id": "urn:x:2", "type": "Vehicle", "speed": {"type": "Property", "value": 1}}
    async with AsyncNgsiLdClient(url) as client:
        for batch in (right, [bare], [others]):
            assert not (await client.upsert_batch(batch)).refused


async def _check_a_broker(folder: Path) -> None:
    node = RealNode(folder / "data", "--only", "broker", "--open")
    await node.start()
    try:
        await _load(node.url)
        ours, both = folder / "ours.json", folder / "both.json"
        words = ["check", node.url, "--header", "Linli-Purpose: emergency", "--json"]
        assert await asyncio.to_thread(main, [*words, str(ours), "--type", "SmokeObserved"]) == 0
        assert await asyncio.to_thread(main, [*words, str(both)]) == 1
    finally:
        await node.stop()
    report = orjson.loads(ours.read_bytes())
    assert (report["level"], report["entities"], report["failed"]) == (1, 230, 0)
    assert report["source"] == node.url
    report = orjson.loads(both.read_bytes())
    assert (report["passed"], report["failed"]) == (230, 1)
    assert [fault["rule"] for fault in report["faults"]] == ["context_core"]


class Forgetful(BaseHTTPRequestHandler):
    """A broker that takes everything, gives one number back wrongly and finds nothing."""

    there: ClassVar[dict[str, Any]] = {}

    def answer(self, status: int, value: Any = None) -> None:
        body = b"" if value is None else orjson.dumps(value)
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.there.update(orjson.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.answer(201)

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(403, {"type": "urn:no", "detail": "Not today."})

    def do_DELETE(self) -> None:
        self.there.clear()
        self.answer(204)

    def do_GET(self) -> None:
        if "?" in self.path:
            self.answer(200, [])
        elif self.there:
            self.answer(200, {**self.there, "coLevel": {"type": "Property", "value": 4, "unitCode": "59"}})
        else:
            self.answer(404, {"type": "urn:no", "detail": "Nothing here."})

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_the_round_trip_tells_which_step_a_broker_does_wrongly(tmp_path: Path, capsys: Any) -> None:
    server = HTTPServer(("127.0.0.1", 0), Forgetful)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        source, out, page = written(tmp_path, "one.json", mended(1)), tmp_path / "out.json", tmp_path / "out.html"
        url = f"http://127.0.0.1:{server.server_port}"
        words = ["check", source, "--through", url, "--json", str(out), "--html", str(page), "--lang", "en"]
        assert main(words) == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    said = capsys.readouterr().out
    assert "Level 1 reached" in said
    assert "read, the same as sent: 200 coLevel" in said
    assert "change: 403 Not today." in said
    assert "Not every step went well." in page.read_text("utf-8")
    (trip,) = orjson.loads(out.read_bytes())["roundTrip"]["types"]
    steps = {step["name"]: step["passed"] for step in trip["steps"]}
    assert steps == {"create": True, "read": False, "find": False, "change": False, "delete": True, "gone": True}
    assert Forgetful.there == {}


def test_a_broker_that_does_right_is_gone_through_and_left_as_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        node = RealNode(tmp_path / "data", "--only", "broker", "--open")
        await node.start()
        try:
            out = tmp_path / "out.json"
            samples = [*map(vocabulary().sample, vocabulary().types)]
            source = written(tmp_path, "samples.json", samples)
            assert await asyncio.to_thread(main, ["check", source, "--through", node.url, "--json", str(out)]) == 0
            trips = orjson.loads(out.read_bytes())["roundTrip"]["types"]
            async with AsyncNgsiLdClient(node.url) as client:
                assert await client.types() == []
        finally:
            await node.stop()
        failing = {
            (one["type"], step["name"], step["answer"]) for one in trips for step in one["steps"] if not step["passed"]
        }
        assert failing == set()
        assert len(trips) == len(vocabulary().types)

    asyncio.run(story())
