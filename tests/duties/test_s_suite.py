"""s_suite: the suite is chosen by a setting, a sealed value opens where it was sealed alone, and old suites are still read."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from sealed_house import ANNA, BO, House, a_resident, read

from linli.base import Settings
from linli.base.errors import BadSetting, StoreFailed
from linli.trust import SUITE
from linli.trust._suites import SUITES

pytestmark = pytest.mark.anyio

RFC_8998 = (
    "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
    "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    "83de3541e4c2b58177e065a9bf7b62ec"
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("suite", "key", "nonce", "bound", "plain", "sealed"),
    [
        # NIST, GCM test case 14
        (
            "aes-256-gcm",
            "00" * 32,
            "00" * 12,
            "",
            "00" * 16,
            "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919",
        ),
        # RFC 8998, A.1
        (
            "sm4-gcm",
            "0123456789abcdeffedcba9876543210",
            "00001234567800000000abcd",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "".join(letter * 16 for letter in "abcdefea"),
            RFC_8998,
        ),
    ],
)
def test_each_suite_opens_the_published_vector(
    suite: str, key: str, nonce: str, bound: str, plain: str, sealed: str
) -> None:
    sealer = SUITES[suite].sealer(bytes.fromhex(key))
    assert sealer.open(bytes.fromhex(nonce + sealed), bytes.fromhex(bound)) == bytes.fromhex(plain)


def test_aes_is_the_default_and_no_other_suite_can_be_set() -> None:
    assert Settings({})[SUITE] == "aes-256-gcm"
    with pytest.raises(BadSetting):
        Settings({SUITE: "rot13"})


async def test_what_one_suite_sealed_is_read_under_the_other_and_sealed_anew_when_it_is_written(tmp_path: Path) -> None:
    first = House(tmp_path, suite="aes-256-gcm")
    await first.put(a_resident(), a_resident(BO))
    first.keys.close()
    second = House(tmp_path, first.below, suite="sm4-gcm")
    await second.put(a_resident(BO, elderMode=False))
    words = []
    for entity_id in (ANNA, BO):
        stored = await second.store.get("default", entity_id)
        below = await second.below.get("default", entity_id)
        assert stored is not None
        assert below is not None
        assert read(stored.doc)["attrs"]["fullName"] == a_resident()["attrs"]["fullName"]
        words.append(read(below.doc)["sealed"].split("|")[0])
    assert words == ["~aes", "~sm4"]


async def test_a_sealed_text_pasted_into_another_entity_does_not_open(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.put(a_resident(), a_resident(BO))
    anna, bo = [await house.below.get("default", entity_id) for entity_id in (ANNA, BO)]
    assert anna is not None
    assert bo is not None
    pasted = orjson.dumps({**read(bo.doc), "sealed": read(anna.doc)["sealed"]})
    with pytest.raises(StoreFailed):
        house.store.opened(bo._replace(doc=pasted))
