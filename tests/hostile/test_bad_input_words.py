"""Bad input at the command line: each mistake gets one clear line that says what to do, and exit code 2, no traceback."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import osmium
import pytest
from osmium.osm.mutable import Node, Way
from real_node import RealNode

from linli.packs import BUILTIN
from linli.store import SqliteStore

ANSWER_S_MAX = 60
TINY = ("--calls", "1", "--residents", "400", "--helpers", "5")

pytestmark = pytest.mark.slow  # each starts a process of its own


def linli(folder: Path, *words: object, code: int = 2) -> str:
    """Return what `linli` with these words complains about, after making sure that it is not a traceback."""
    ended = subprocess.run(
        [sys.executable, "-m", "linli", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=ANSWER_S_MAX,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stderr if code == 2 else ended.stdout


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


# maps


def a_map(folder: Path, *, streets: bool) -> Path:
    """Write a map of two ways beside each other near 117, 36.6; without streets they are hedges."""
    file = folder / "small.osm.pbf"
    writer = osmium.SimpleWriter(str(file))
    try:
        for number in range(6):
            place = (117 + number % 3 / 1000, 36.6 + number // 3 / 1000)
            writer.add_node(Node(id=number + 1, location=place, version=1, visible=True))
        tags = {"highway": "residential"} if streets else {"barrier": "hedge"}
        for number, nodes in enumerate(([1, 2, 3, 6], [4, 5, 6, 3], [1, 4], [2, 5])):
            writer.add_way(Way(id=number + 1, nodes=nodes, tags=tags, version=1, visible=True))
    finally:
        writer.close()
    return file


def a_wrong_map(folder: Path, kind: str) -> Path:
    file = folder / f"{kind}.osm.pbf"
    if kind == "cut":
        whole = a_map(folder, streets=True).read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
    elif kind == "noise":
        file.write_bytes(bytes(range(256)) * 20)
    elif kind == "empty":
        file.touch()
    elif kind == "streetless":
        return a_map(folder, streets=False)
    return file


MAPS = {
    "cut": "is not a readable OpenStreetMap file",
    "noise": "is not a readable OpenStreetMap file",
    "empty": "the map file is empty; fetch it again",
    "streetless": "holds no street that anybody may use",
    "missing": "there is no such map file",
}


MAP_WORDS = {"circle": ("circle", 117, 36.6), "serve": ("serve", "--port", 0), "demo": ("demo", *TINY)}


@pytest.mark.parametrize(("command", "kind"), [*(("circle", kind) for kind in MAPS), ("serve", "cut"), ("demo", "cut")])
def test_a_map_that_is_none_is_refused_by_name(command: str, kind: str, tmp_path: Path) -> None:
    file = a_wrong_map(tmp_path, kind)
    said = linli(tmp_path, *MAP_WORDS[command], "--data", "data", "--city", file)
    assert said.startswith(f"linli: {file}: ")
    assert MAPS[kind] in said
    assert said.count("\n") == 1
    assert not list((tmp_path / "data").glob("*.npz"))


def test_a_damaged_network_file_is_built_again_from_its_map(tmp_path: Path) -> None:
    file = a_map(tmp_path, streets=True)
    words = ("circle", 117, 36.6, "--data", "data", "--city", file)
    first = linli(tmp_path, *words, code=0)
    (kept,) = (tmp_path / "data").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:100])
    assert linli(tmp_path, *words, code=0) == first
    kept.write_bytes(b"nothing")
    assert "build it again from the map" in linli(tmp_path, "circle", 117, 36.6, "--data", "data")


# places


PLACES = [
    ((0, 0), "no street that can be used lies within 300 m"),
    ((500, 0), "lon: must lie between -180 and 180"),
    ((117, 95), "lat: must lie between -90 and 90"),
    (("here", 36.6), "invalid float value: 'here'"),
    ((117, 36.6, "--minutes", -5), "--minutes: must be a number above 0"),
    ((117, 36.6, "--minutes", "nan"), "--minutes: must be a number above 0"),
    ((117, 36.6, "--mode", "fly"), "choose from 'walk', 'ebike', 'drive'"),
]


def test_a_circle_off_the_map_says_what_is_wrong_with_the_place(tmp_path: Path) -> None:
    file = a_map(tmp_path, streets=True)
    for words, complaint in PLACES:
        assert complaint in linli(tmp_path, "circle", *words, "--data", "data", "--city", file)


def test_a_circle_without_a_map_says_how_to_name_one(tmp_path: Path) -> None:
    assert "--city FILE.osm.pbf" in linli(tmp_path, "circle", 117, 36.6)


# words


WORDS = [
    (("--calls", 1, "--load", "heavy"), "--load heavy: take normal, peak or a readable scenario file"),
    (("--calls", 1, "--load", "other.toml"), "other.toml: "),
    (
        ("--calls", 1, "--set", "dispatch.polic=open"),
        "there is no setting dispatch.polic; `linli settings` lists them all",
    ),
    (("--calls", 1, "--set", "web.port"), "write it as --set name=value"),
    (("--calls", 1, "--set", "web.port=many"), "web.port must be"),
    (("--calls", 1, "--set", "log.level=loud"), "log.level must be one of debug, info"),
    (("--calls", 1, "--config", "nowhere.toml"), "nowhere.toml: cannot be read"),
    (("--calls", 1, "--seeds", "110-101"), "--seeds: the first seed may not be larger than the last"),
    (("--calls", 1, "--seeds", "some"), "--seeds: write one number, or from-to like 101-110"),
    (("--calls", -1), "--calls: must be 0 or more, not -1"),
    (("--calls", "all"), "--calls: must be a whole number, not all"),
    (("--calls", 1, "--hours", 0), "--hours: must be a number above 0, not 0"),
    (("--calls", 1, "--helpers", -3), "--helpers: must be 0 or more"),
    (("--calls", 1, "--residents", 5), "--residents 5: at least 400 are needed"),
    (("--calls", 1, "--policy", "shut"), "choose from 'open', 'closed', 'nearest'"),
    (("--calls", 1, "--out", "nowhere/summary.json"), "--out nowhere/summary.json: cannot be written"),
    (("--json",), "say how many calls with --calls N"),
    (("--speed", 0), "--speed: must be a number above 0"),
    (("--speed", "inf"), "--speed: must be a number above 0"),
    (("--port", 70_000), "--port: must lie between 0 and 65535"),
    (("--port", 0, "--set", "web.host=0.0.0.0"), "listens on the loopback address only"),
]


@pytest.mark.parametrize(("words", "complaint"), WORDS, ids=[" ".join(map(str, words)) for words, _ in WORDS])
def test_a_wrong_word_is_refused_with_what_is_right(words: tuple, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('schema = "one"\n', "utf-8")
    assert complaint in linli(tmp_path, "demo", *words)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--open", "--set", "web.host=0.0.0.0"), "without sign-in this node listens on the loopback address only"),
        (("--only", "broker", "--open", "--set", "web.host=0.0.0.0"), "listens on the loopback address only"),
        (("--set", "trust.sign_in=demo", "--set", "web.host=0.0.0.0"), "listens on the loopback address only"),
        (("--set", "web.host=0.0.0.0"), "would speak to this node in clear"),
        (("--set", "web.proxies=['the proxy']"), "web.proxies: 'the proxy'"),
        (("--set", "limits.burst_s=0"), "limits.burst_s = 0: must be above 0"),
        (("--set", "web.tls_cert=nowhere.pem"), "web.tls_cert = nowhere.pem: name a PEM file"),
    ],
)
def test_a_node_that_others_could_misuse_does_not_start(words: tuple, complaint: str, tmp_path: Path) -> None:
    assert complaint in linli(tmp_path, "serve", "--port", 0, *words)


def test_a_setting_of_the_environment_is_named_by_its_variable(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LINLI_WEB__PORT", "often")
    assert "LINLI_WEB__PORT: web.port must be" in linli(tmp_path, "settings")


# packs


def test_a_pack_with_a_mistake_stops_the_node_and_says_where(tmp_path: Path) -> None:
    ours = tmp_path / "packs" / "neighbours"
    shutil.copytree(BUILTIN / "shopping", ours)
    text = (ours / "pack.toml").read_text("utf-8")
    (ours / "pack.toml").write_text(text.replace("arrive_within_min", "arrive_within_minutes"), "utf-8")
    said = linli(tmp_path, "serve", "--port", 0, "--set", f"packs.dir={tmp_path / 'packs'}")
    assert re.search(r"neighbours/pack\.toml:\d+: call", said)
    assert "arrive_within_minutes" in said
    (ours / "pack.toml").write_text("[[call", "utf-8")
    assert "is not TOML" in linli(tmp_path, "serve", "--port", 0, "--set", f"packs.dir={tmp_path / 'packs'}")
    assert "there is no folder nowhere" in linli(tmp_path, "serve", "--port", 0, "--set", "packs.dir=nowhere")
    assert "there is no pack gardening" in linli(tmp_path, "serve", "--port", 0, "--set", "packs.off=gardening")


# ports and folders


def test_a_taken_port_is_said_with_the_way_out(taken_port: int, tmp_path: Path) -> None:
    for words in (("serve",), ("demo", "--residents", 400, "--helpers", 5)):
        said = linli(tmp_path, *words, "--port", taken_port)
        assert f"Port {taken_port} is taken by another program" in said
        assert "--port 0" in said


def test_the_doctor_finds_a_taken_port_and_a_damaged_database(taken_port: int, tmp_path: Path) -> None:
    (tmp_path / "linli.db").write_bytes(b"no database" * 500)
    said = linli(tmp_path, "doctor", "--data", tmp_path, "--set", f"web.port={taken_port}", code=1)
    assert f"WRONG port {taken_port}: Port {taken_port} is taken" in said
    assert f"WRONG database {tmp_path / 'linli.db'}" in said
    assert f"ok   folder {tmp_path}" in said


def test_a_folder_in_use_by_another_node_is_left_alone(tmp_path: Path) -> None:
    async def story() -> None:
        node = RealNode(tmp_path / "data")
        await node.start()
        try:
            serve = await asyncio.to_thread(linli, tmp_path, "serve", "--port", 0, "--data", "data")
            assert "another linli has this database open; end it first, or use another --data" in serve
            copied = await asyncio.to_thread(linli, tmp_path, "db", "backup", "copy.db", "--data", "data", code=0)
            assert "was copied" in copied
            restore = await asyncio.to_thread(linli, tmp_path, "db", "restore", "copy.db", "--data", "data")
            assert "another linli has this database open" in restore
        finally:
            assert await node.stop() == 0

    asyncio.run(story())


def test_fresh_deletes_nothing_that_the_demo_did_not_make(tmp_path: Path) -> None:
    kept = tmp_path / "letters" / "letter.txt"
    kept.parent.mkdir()
    kept.write_text("dear neighbour", "utf-8")
    for words in (("--port", 0), TINY, ("--fresh", *TINY), ("--fresh", "--port", 0)):
        said = linli(tmp_path, "demo", *words, "--data", "letters")
        assert "--data letters: was not made by the demo and is left alone" in said
    assert [path.name for path in kept.parent.iterdir()] == ["letter.txt"]
    assert kept.read_text("utf-8") == "dear neighbour"


def test_another_seed_does_not_go_into_the_folder_of_the_first_but_fresh_begins_anew(tmp_path: Path) -> None:
    linli(tmp_path, "demo", *TINY, "--data", "runs", code=0)
    more = ("--calls", "1", "--residents", "500", "--helpers", "5", "--data", "runs")
    assert "--fresh" in linli(tmp_path, "demo", *more)
    linli(tmp_path, "demo", *more, "--fresh", code=0)


@pytest.mark.parametrize(
    "words", [("serve", "--port", 0), ("demo", *TINY), ("demo", "--port", 0), ("db", "restore", "whole.db")]
)
def test_a_data_folder_that_is_a_file_is_said(words: tuple, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    asyncio.run(SqliteStore.open(tmp_path / "whole.db").close())
    assert "a file stands in the way" in linli(tmp_path, *words, "--data", "file")


# databases and the secret


def test_a_damaged_backup_is_not_put_in_the_place_of_anything(tmp_path: Path) -> None:
    linli(tmp_path, "demo", *TINY, "--data", "runs", code=0)
    folder = tmp_path / "runs" / "seed-1"
    before = (folder / "linli.db").read_bytes()
    assert "was copied" in linli(tmp_path, "db", "backup", "good.db", "--data", folder, code=0)
    good = (tmp_path / "good.db").read_bytes()
    for name, content, complaint in (
        ("noise.db", b"noise" * 5000, "is damaged or not a database"),
        ("cut.db", good[: len(good) // 2], "is damaged"),
        ("torn.db", good[:8192] + bytes(40_000) + good[48_192:], "is damaged"),
        ("empty.db", b"", "is a database, but not one of linli"),
    ):
        (tmp_path / name).write_bytes(content)
        said = linli(tmp_path, "db", "restore", name, "--data", folder)
        assert said.startswith(f"linli: {name}: ")
        assert complaint in said
    assert "there is no such file" in linli(tmp_path, "db", "restore", "nowhere.db", "--data", folder)
    assert "this file is there already; name a new one" in linli(tmp_path, "db", "backup", "good.db", "--data", folder)
    assert (folder / "linli.db").read_bytes() == before
    assert "is sound" in linli(tmp_path, "db", "check", "--data", folder, code=0)


@pytest.mark.parametrize("content", ["", "00ff", "not hexadecimal", "ab" * 31])
def test_a_damaged_secret_is_never_taken_for_one(content: str, tmp_path: Path) -> None:
    (tmp_path / "node.secret").write_text(content, "ascii")
    said = linli(tmp_path, "serve", "--port", 0, "--data", tmp_path)
    assert "node.secret: is damaged. Put back its copy; or delete it" in said


def test_without_a_command_all_commands_are_named(tmp_path: Path) -> None:
    for words in ((), ("dance",)):
        said = linli(tmp_path, *words)
        assert all(command in said for command in ("serve", "demo", "circle", "doctor", "settings", "db"))
