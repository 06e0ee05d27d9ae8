"""Every store that must keep the promises of the Store Protocol."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from postgres_server import a_server

from linli.store import KeyBook, MemoryStore, Store, open_store
from linli.trust import HashChain, Keys, Sealed
from linli.vocab import vocabulary

_schemas = itertools.count(1)


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture
def chain() -> HashChain:
    """Give the chain that the stores use."""
    return HashChain()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a server that is ours alone."""
    with a_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """Give the address of a schema that is not there yet."""
    return f"{postgres_server}&schema=test_{next(_schemas)}"


@pytest.fixture(params=["memory", "sqlite", "sealed", pytest.param("postgres", marks=pytest.mark.slow)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give one store of each engine, and one that seals; the disk is not waited for, as no promise here is about power."""
    made: Store = MemoryStore(chain=HashChain())
    if request.param == "sealed":
        made = Sealed(made, Keys(KeyBook.open(tmp_path / "keys.db", sync="off"), bytes(32)), vocabulary())
    if request.param == "sqlite":
        made = await open_store(f"sqlite:///{tmp_path / 'linli.db'}", chain=HashChain(), sync="off")
    if request.param == "postgres":
        made = await open_store(request.getfixturevalue("postgres_url"), chain=HashChain(), sync="off")
    yield made
    await made.close()
