"""Hostile test 17: what somebody writes is stored as text and shown as text; it forges no log line and no header."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ngsild_door import Door, car

from linli.base import read_json, write_json
from linli.cli._logging import HIDDEN, rendered

TEXT = '{"id":"urn:x:1","type":"T","note":{"type":"Property","value":"?"}}'
HOSTILE = [
    "=cmd|'/c calc'!A1",
    "+1+1",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "first\r\nSet-Cookie: a=b",
    "first\nsecond",
    "\u202egnp.exe",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "%0d%0aX-Forged: 1",
    "'; DROP TABLE entity; --",
]


@pytest.mark.parametrize("said", HOSTILE)
def test_17_what_is_written_is_read_as_it_was_and_found_as_text(said: str) -> None:
    door = Door()
    assert door.ask("POST", "/entities", car(note={"type": "Property", "value": said})).status == 201
    assert door.get(car()["id"]).json["note"]["value"] == said
    assert door.found(type="Vehicle", q=f"note=={write_json(said).decode()}") == [car()["id"]]


@pytest.mark.parametrize("said", ["\x00", "a\x00b", "\ud800"])
def test_17_what_no_text_may_hold_is_refused(said: str) -> None:
    door = Door()
    for spelled in (said, "".join(f"\\u{ord(one):04x}" for one in said)):
        raw = TEXT.replace("?", spelled).encode("utf-8", "surrogatepass")
        reply = door.ask("POST", "/entities", raw=raw, headers={"content-type": "application/json"})
        assert reply.status == 400


@given(st.dictionaries(st.text(min_size=1), st.recursive(st.text() | st.integers(), st.lists), max_size=4))
def test_17_an_event_is_one_line_of_json_whatever_it_holds(facts: dict) -> None:
    line = rendered(None, "info", {**facts, "event": "web.request.refused"})
    assert len(line.splitlines()) == 1
    assert line.isprintable() or not any(ord(one) < 32 or one in "\u202e\u2028\u2029\u0085" for one in line)
    assert read_json(line.encode())["event"] == "web.request.refused"


@pytest.mark.parametrize(
    ("name", "said", "shown"),
    [
        ("password", "correct horse", HIDDEN),
        ("client_secret", "correct horse", HIDDEN),
        ("Authorization", "Bearer correct horse", HIDDEN),
        ("headers", {"cookie": "correct horse"}, {"cookie": HIDDEN}),
        ("url", "postgresql://linli:correct-horse@db/linli", f"postgresql://linli:{HIDDEN}@db/linli"),
        ("error", "cannot reach mqtt://u:correct-horse@h:1883", f"cannot reach mqtt://u:{HIDDEN}@h:1883"),
        ("status", 200, 200),
        ("text", "\u202etxt.exe", "\u202etxt.exe"),
    ],
)
def test_17_no_secret_is_written_to_the_log(name: str, said: object, shown: object) -> None:
    line = rendered(None, "info", {name: said})
    assert "horse" not in line
    assert read_json(line.encode()) == {name: shown}


def test_17_a_request_full_of_tricks_leaves_one_whole_line_and_no_forged_header(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "linli", "serve", "--open", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--set", "log.level=info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as node:
        guard = threading.Timer(60, node.kill)
        guard.start()
        try:
            assert node.stdout
            url = httpx.URL(node.stdout.readline().split()[1])
            replies = asyncio.run(_tricks(url))
        finally:
            node.terminate()
            _, log = node.communicate(timeout=30)
            guard.cancel()
    for reply in replies:
        assert b"x-forged" not in reply.lower().partition(b"\r\n\r\n")[0]
    for line in log.splitlines():
        assert "event" in read_json(line.encode())
        assert "horse" not in line


async def _tricks(url: httpx.URL) -> list[bytes]:
    tricks = [
        b"GET /api/calls/a%0d%0ax-forged:%201 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer correct-horse\r\n",
        b"GET /nowhere%0a%7b%22event%22:%22forged%22%7d HTTP/1.1\r\nhost: localhost\r\n",
        b"GET /?lang=%0d%0ax-forged:1 HTTP/1.1\r\nhost: localhost\r\n",
        b"GET /ngsi-ld/v1/entities?q=%0d%0ax-forged HTTP/1.1\r\nhost: localhost\r\nngsild-tenant: a\tb\r\n",
        b"POST /api/calls HTTP/1.1\r\nhost: localhost\r\nidempotency-key: \xe2\x80\xae\r\ncontent-length: 2\r\n",
    ]
    replies = []
    for trick in tricks:
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(trick + b"connection: close\r\n\r\n" + (b"{}" if b"POST" in trick else b""))
        replies.append(await asyncio.wait_for(reader.read(), 20))
        writer.close()
    return replies
