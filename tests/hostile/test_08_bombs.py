"""Hostile test 08: bodies that come small and grow when they are unpacked stop where the cap is."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from ngsild_door import Door, Reply, car

from linli.base import write_json

GZIP = {"content-type": "application/json", "content-encoding": "gzip"}
MIB = 1 << 20


def sent(door: Door, raw: bytes, path: str = "/entities", **more: str) -> Reply:
    return door.ask("POST", path, raw=raw, headers=GZIP | more)


def bomb(size: int) -> bytes:
    """An entity of `size` bytes that packs to almost nothing."""
    return gzip.compress(b'{"id":"urn:x:1","type":"T","a":"' + b"x" * size + b'"}')


def test_08_what_is_packed_honestly_is_read() -> None:
    door = Door()
    assert sent(door, gzip.compress(write_json(car()))).status == 201
    assert door.get(car()["id"]).json == car()
    many = [car(number, text={"type": "Property", "value": f"{number:04} " * 20}) for number in range(1000)]
    assert sent(door, gzip.compress(write_json(many)), "/entityOperations/upsert").status == 201


@pytest.mark.parametrize("mib", [2, 200])
@pytest.mark.parametrize("path", ["/entities", "/entityOperations/upsert"])
def test_08_a_bomb_is_refused_before_it_is_large(path: str, mib: int) -> None:
    door, raw = Door(), bomb(mib * MIB)
    assert len(raw) < MIB
    tracemalloc.start()
    reply = sent(door, raw, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (reply.status, reply.error) == (413, "TooLarge")
    assert peak < 20 * MIB
    assert door.found(local="true") == []


def test_08_a_small_body_may_not_grow_a_hundredfold_either() -> None:
    door = Door()
    assert sent(door, bomb(200_000)).error == "TooLarge"


def test_08_a_bomb_within_a_bomb_is_not_unpacked_twice() -> None:
    assert sent(Door(), gzip.compress(bomb(MIB))).error == "InvalidRequest"
    assert sent(Door(), bomb(MIB), **{"content-encoding": "gzip, gzip"}).status == 415


@pytest.mark.parametrize(
    "raw",
    [
        b"not gzip at all",
        gzip.compress(write_json(car()))[:-9],
        gzip.compress(write_json(car())) + b"and more",
        gzip.compress(write_json(car())) + gzip.compress(b"{}"),
        zlib.compress(write_json(car())),
        b"",
    ],
    ids=["text", "cut", "more-behind", "two-members", "zlib", "nothing"],
)
def test_08_what_is_no_whole_gzip_is_refused(raw: bytes) -> None:
    door = Door()
    assert sent(door, raw).error in ("InvalidRequest", "TooLarge")
    assert door.found(local="true") == []


@pytest.mark.parametrize("packing", ["deflate", "br", "zstd", "compress", "x"])
def test_08_other_packings_are_not_taken(packing: str) -> None:
    reply = sent(Door(), zlib.compress(write_json(car())), **{"content-encoding": packing})
    assert (reply.status, reply.error) == (415, "UnsupportedMediaType")
