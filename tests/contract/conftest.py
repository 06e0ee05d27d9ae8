"""Every store that must keep the promises of the Store Protocol."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linli.store import MemoryStore, SqliteStore, Store


class Sha256Chain:
    """Links audit rows as trust will."""

    def link(self, prev: bytes, row: bytes) -> bytes:
        """Return SHA-256 over both."""
        return hashlib.sha256(prev + row).digest()


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture
def chain() -> Sha256Chain:
    """Give the chain that the stores use."""
    return Sha256Chain()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give one store of each engine; the disk is not waited for, as no promise here is about power."""
    made: Store = MemoryStore(chain=Sha256Chain())
    if request.param == "sqlite":
        made = SqliteStore.open(tmp_path / "linli.db", chain=Sha256Chain(), sync="off")
    yield made
    await made.close()
