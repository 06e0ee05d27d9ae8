"""Hostile test 10: contexts that are remote, huge, deep, cyclic or piled up: no connection, a clear answer, and an end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from receiver import answer, receiving

from linli.base import SteppedClock, write_json
from linli.base.errors import BadRequestData, LdContextNotAvailable
from linli.broker import Contexts, Fetching, Terms
from linli.egress import Egress
from linli.store import MemoryStore
from linli.vocab import vocabulary

START_US = 1_795_400_107_000_000
EX = "https://example.org/"

#: for each test that looks: where this process tried to connect to, and what it tried to resolve
_watching: list[list[str]] = []


def _watch(event: str, details: tuple[object, ...]) -> None:
    if _watching and event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        _watching[-1].append(f"{event} {details[0] if event == 'socket.getaddrinfo' else details[1]}")


sys.addaudithook(_watch)


@pytest.fixture
def tried() -> Iterator[list[str]]:
    _watching.append([])
    yield _watching[-1]
    _watching.pop()


def some_contexts(fetching: Fetching | None = None) -> Contexts:
    return Contexts(
        vocabulary(), {}, default="core", store=MemoryStore(), clock=SteppedClock(START_US), fetching=fetching
    )


async def named(contexts: Contexts, said: Any) -> Terms:
    await contexts.ready(said)
    return contexts.of(said)


async def refused(contexts: Contexts, said: Any) -> type[Exception]:
    with pytest.raises((BadRequestData, LdContextNotAvailable)) as caught:
        await named(contexts, said)
    return BadRequestData if isinstance(caught.value, BadRequestData) else LdContextNotAvailable


REMOTE: list[Any] = [
    "http://127.0.0.1/c.jsonld",
    "http://169.254.169.254/latest/meta-data",
    "https://example.org/c.jsonld",
    "file:///etc/passwd",
    "//example.org/c.jsonld",
    "http://[::1]/c.jsonld",
    "http://[",
    "data:application/ld+json,{}",
    "gopher://example.org/",
    ["http://127.0.0.1:1/c.jsonld", {"a": EX}],
    {"@import": "http://127.0.0.1/c.jsonld"},
    "/etc/passwd",
    "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v9.9.jsonld",
]


@pytest.mark.parametrize("said", REMOTE, ids=str)
def test_10_nobody_makes_us_connect_by_naming_a_context(said: Any, tried: list[str]) -> None:
    async def told() -> None:
        async with asyncio.timeout(30):
            assert await refused(some_contexts(), said) is LdContextNotAvailable
            egress = Egress(["127.0.0.1"])
            fetching = Fetching(egress, frozenset({"contexts.example"}), wait_s=1.0)
            assert await refused(some_contexts(fetching), said) is LdContextNotAvailable
            await egress.close()

    asyncio.run(told())
    assert tried == []


def test_10_a_host_that_may_be_asked_for_contexts_must_still_be_one_that_we_may_reach(tried: list[str]) -> None:
    async def told() -> None:
        egress = Egress()
        fetching = Fetching(egress, frozenset({"127.0.0.1"}), wait_s=5.0)
        for scheme in ("http", "https"):
            assert await refused(some_contexts(fetching), f"{scheme}://127.0.0.1/c.jsonld") is LdContextNotAvailable
        await egress.close()

    asyncio.run(told())
    assert tried == []


def nested(levels: int) -> Any:
    said: Any = {"a": EX}
    for _ in range(levels):
        said = [said]
    return said


HUGE: dict[str, Any] = {
    "many bytes": {"a": EX + "x" * (2 << 20)},
    "many terms": {f"t{n}": "e:a" for n in range(60_000)},
    "many objects": [{f"t{n}": EX} for n in range(60_000)],
    "deep": nested(60),
    "a term of itself": {"a": "a:b"},
    "terms of each other": {"a": "b:x", "b": "c:x", "c": "a:x"},
    "a long chain of terms": {f"t{n}": f"t{n + 1}" for n in range(5000)},
    "a pile of prefixes": [{"p0": "http://x/"}, *({f"p{n + 1}": f"p{n}:/"} for n in range(20_000))],
    "a pile of one prefix": [{"p": "http://x/"}, *[{"q": "p:/"}, {"p": "q:/"}] * 5000],
    "a pile of vocabularies": [{"@vocab": "http://x/", "p": "http://x/"}, *[{"p": "p:/"}, {"@vocab": "p:/"}] * 3000],
    "the same url again and again": ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.3.jsonld"] * 5000,
}


@pytest.mark.parametrize("name", HUGE)
def test_10_a_context_that_is_too_much_is_refused(name: str, tried: list[str]) -> None:
    assert asyncio.run(refused(some_contexts(), HUGE[name])) is BadRequestData
    assert tried == []


def hosts(pages: dict[str, Any], wait_s: float = 20.0) -> Any:
    """Play a story with a host on loopback that may be asked and serves these pages."""

    async def answers(got: Any) -> bytes:
        page = pages[got.target]
        return answer(200, page if isinstance(page, bytes) else write_json(page), "Content-Type: application/ld+json")

    async def told() -> tuple[type[Exception], list[str]]:
        async with receiving(answers) as host, asyncio.timeout(60):
            egress = Egress(["127.0.0.1"])
            fetching = Fetching(egress, frozenset({f"127.0.0.1:{host.port}"}), wait_s)
            error = await refused(some_contexts(fetching), host.url("/0"))
            await egress.close()
            return error, [got.target for got in host.got]

    return asyncio.run(told())


def test_10_remote_contexts_that_name_each_other_are_fetched_once_and_refused() -> None:
    error, asked = hosts({"/0": {"@context": "/1"}, "/1": {"@context": ["/0", {"a": EX}]}})
    assert (error, asked) == (BadRequestData, ["/0", "/1"])


def test_10_remote_contexts_without_an_end_are_followed_only_so_deep() -> None:
    error, asked = hosts({f"/{n}": {"@context": [f"/{n + 1}"]} for n in range(100)})
    assert error is BadRequestData
    assert len(asked) <= 12


def test_10_remote_contexts_that_fan_out_are_joined_only_so_often() -> None:
    pages = {f"/{n}": {"@context": [f"/{n + 1}"] * 9} for n in range(9)}
    error, asked = hosts({**pages, "/9": {"@context": {"a": EX}}})
    assert error is BadRequestData
    assert len(asked) == len(set(asked)) <= 10


def test_10_a_remote_context_that_is_too_long_is_not_read_to_its_end() -> None:
    error, _ = hosts({"/0": b'{"@context": {"a": "' + b"x" * (8 << 20) + b'"}}'})
    assert error is LdContextNotAvailable


def test_10_a_host_that_never_answers_holds_nobody_longer_than_allowed() -> None:
    async def silent(_: Any) -> None:
        return None

    async def told() -> None:
        async with receiving(silent) as host, asyncio.timeout(30):
            egress = Egress(["127.0.0.1"], total_s=20.0)
            contexts = some_contexts(Fetching(egress, frozenset({"127.0.0.1"}), wait_s=0.0))
            for _ in range(50):
                assert await refused(contexts, host.url("/0")) is LdContextNotAvailable
            await host.count(1)
            assert len(host.got) == 1
            await egress.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    asyncio.run(told())


def test_10_neither_many_contexts_nor_large_ones_fill_the_memory() -> None:
    contexts = some_contexts()
    for n in range(300):
        contexts.of({f"t{n}": EX})
    for n in range(30):
        contexts.of({f"t{n}{m}": EX for m in range(20_000)})
    kept = list(contexts._compiled.values())
    assert len(kept) <= 128
    assert sum(terms.size for terms, _ in kept) <= 400_000
