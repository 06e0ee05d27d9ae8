"""The master key is exchanged while others work, and whoever is killed in the middle loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from linli.base import SECOND_US, Settings, SteppedClock
from linli.base.errors import StartError, StoreFailed
from linli.cli import main
from linli.store import KeyBook
from linli.trust import Keys

KILLS = int(os.environ.get("LINLI_KILLS", "10"))
AT_US = 1_800_000_000 * SECOND_US
ANNA, BO = "urn:ngsi-ld:Resident:1", "urn:ngsi-ld:Resident:2"
EXCHANGER = Path(__file__).with_name("exchanger.py")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def opened(folder: Path) -> Keys:
    return Keys.open(folder, Settings(), sync="off", wall=SteppedClock(AT_US))


def kek(folder: Path) -> str:
    return (folder / "node.kek").read_text()


def copies(folder: Path) -> list[Path]:
    return list(folder.glob("keys.db.copy-*"))


def from_copy(folder: Path, elsewhere: Path) -> Path:
    """Return a new folder with the only copy of a book in its place, and the master key of now."""
    elsewhere.mkdir()
    (copy,) = copies(folder)
    shutil.copy(copy, elsewhere / "keys.db")
    shutil.copy(folder / "node.kek", elsewhere / "node.kek")
    return elsewhere


class Sealed:
    """Something of two tenants that was sealed before, and what the blind index made of a number."""

    def __init__(self, keys: Keys) -> None:
        self.kids = [keys.subject_key(tenant, ANNA).kid for tenant in ("default", "west")]
        self.texts = [keys.subject_key(tenant, ANNA).sealer.seal(b"plain", b"") for tenant in ("default", "west")]
        self.blind = keys.blind("default", "phone", "13812341234")

    def opens(self, keys: Keys) -> bool:
        for kid, text in zip(self.kids, self.texts, strict=True):
            key = keys.by_number(kid)
            if key is None or key.sealer.open(text, b"") != b"plain":
                return False
        return keys.blind("default", "phone", "13812341234") == self.blind


async def test_all_that_was_sealed_opens_by_the_new_master_key_and_nothing_by_the_old(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    sealed = Sealed(keys)
    await keys.tend_copies()
    before = kek(tmp_path)
    assert await keys.exchange_master() == 3
    assert sealed.opens(keys)
    keys.close()
    assert (kek(tmp_path) != before, (tmp_path / "node.kek").stat().st_mode & 0o077) == (True, 0)
    again = opened(tmp_path)
    assert sealed.opens(again)
    again.close()
    elsewhere = from_copy(tmp_path, tmp_path / "elsewhere")
    assert sealed.opens(opened(elsewhere))
    for folder in (tmp_path, elsewhere):
        (folder / "node.kek").write_text(before)
        with pytest.raises(StartError, match="not opened by this node's master key"):
            opened(folder)


async def test_a_node_that_runs_opens_and_seals_on_without_a_restart(tmp_path: Path) -> None:
    node, command = opened(tmp_path), opened(tmp_path)
    sealed = Sealed(command)
    await command.exchange_master()
    assert sealed.opens(node)
    kid = node.subject_key("new tenant", BO).kid
    await command.exchange_master()
    later = opened(tmp_path)
    assert sealed.opens(later)
    assert later.by_number(kid) is not None


async def test_a_key_under_a_master_key_that_is_gone_is_not_kept(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    keys.subject_key("default", ANNA)
    tenant = next(
        row for row in KeyBook.open(tmp_path / "keys.db").all() if (row.tenant, row.subject) == ("default", "")
    )
    await keys.exchange_master()
    book = KeyBook.open(tmp_path / "keys.db")
    book.add([tenant._replace(kid="late", tenant="late")])
    assert book.key("late") is None
    current = next(row for row in book.all() if row.kid == tenant.kid)
    with pytest.raises(StoreFailed, match="same moment"):
        book.rewrap([(tenant, current)])
    with pytest.raises(StoreFailed, match="same moment"):
        book.rewrap([(current, current._replace(under="kek:other"))])
    assert book.key(tenant.kid) == current


@pytest.mark.parametrize("stage", ["begun", "wrapped", "copied"])
async def test_wherever_it_stops_a_node_starts_and_the_next_call_goes_on(tmp_path: Path, stage: str) -> None:
    keys = opened(tmp_path)
    sealed = Sealed(keys)
    await keys.tend_copies()
    old = kek(tmp_path)
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path, whole, ignore=shutil.ignore_patterns("whole"))
    keys.close()
    other = opened(whole)
    await other.exchange_master()
    other.close()
    stopped = tmp_path / "stopped"
    shutil.copytree(tmp_path if stage == "begun" else whole, stopped, ignore=shutil.ignore_patterns("whole", "stopped"))
    shutil.copy(whole / "node.kek", stopped / "node.kek.next")
    (stopped / "node.kek").write_text(old)
    if stage == "wrapped":
        for copy in copies(stopped):
            copy.unlink()
        for copy in copies(tmp_path):
            shutil.copy(copy, stopped)
    between = opened(stopped)
    assert sealed.opens(between)
    between.close()
    again = opened(stopped)
    await again.exchange_master()
    again.close()
    assert (kek(stopped), (stopped / "node.kek.next").exists()) == (kek(whole), False)
    assert sealed.opens(opened(stopped))
    assert sealed.opens(opened(from_copy(stopped, tmp_path / "from copy")))


def test_killed_at_any_moment_it_loses_nothing(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    sealed = Sealed(keys)
    keys.close()
    chance, exchanged = Random(7), 0
    for _ in range(KILLS):
        child = subprocess.Popen([sys.executable, EXCHANGER, tmp_path], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        try:
            child.wait(chance.uniform(0, 0.08))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        exchanged += 1 + len(child.stdout.read().splitlines())
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        keys = opened(tmp_path)
        assert sealed.opens(keys)
        keys.close()
    assert exchanged >= KILLS


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = opened(tmp_path)
    sealed = Sealed(keys)
    keys.close()
    before = kek(tmp_path)
    assert main(["db", "rotate", "--kek", "--data", str(tmp_path)]) == 0
    assert "A new master key wraps 3 keys" in capsys.readouterr().out
    assert kek(tmp_path) != before
    assert sealed.opens(opened(tmp_path))
