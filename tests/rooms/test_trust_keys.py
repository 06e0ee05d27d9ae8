"""Keys of subjects under keys of tenants under the master key: kept, destroyed, copied, exchanged."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from linli.base import SECOND_US, Settings, SteppedClock
from linli.base.errors import StartError, StoreFailed
from linli.store import KeyBook
from linli.trust import KEK_FILE, SUITE, Keys
from linli.trust._blind import normal, tail_of

pytestmark = pytest.mark.anyio
AT_US = 1_800_000_000_000_000
DAY_US = 24 * 3600 * SECOND_US
ANNA, BO = "urn:ngsi-ld:Resident:1", "urn:ngsi-ld:Resident:2"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def opened(folder: Path, clock: SteppedClock | None = None, **settings: str) -> Keys:
    given = {name.replace("__", "."): value for name, value in settings.items()}
    return Keys.open(folder, Settings(given), sync="off", wall=clock or SteppedClock(AT_US))


def files(folder: Path, pattern: str = "*") -> list[Path]:
    return list(folder.glob(pattern))


def test_the_master_key_and_the_book_can_be_read_by_their_owner_alone(tmp_path: Path) -> None:
    opened(tmp_path).subject_key("default", ANNA)
    for name in ("node.kek", "keys.db", "keys.db-wal"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name


def test_a_subject_keeps_its_key_over_a_restart_and_has_another_in_each_tenant(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    here, there = keys.subject_key("default", ANNA), keys.subject_key("west", ANNA)
    assert here.kid != there.kid
    sealed = here.sealer.seal(b"plain", b"")
    keys.close()
    again = opened(tmp_path)
    assert again.subject_key("default", ANNA).kid == here.kid
    key = again.by_number(here.kid)
    assert key is not None
    assert key.sealer.open(sealed, b"") == b"plain"


def test_another_master_key_does_not_open_the_book(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "node.kek").write_text("00" * 32)
    with pytest.raises(StartError, match="not opened by this node's master key"):
        opened(tmp_path)


def test_a_book_whose_master_key_is_missing_is_not_begun_anew(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "node.kek").unlink()
    with pytest.raises(StartError, match="Put back its copy"):
        opened(tmp_path)
    assert not (tmp_path / "node.kek").exists()


def test_a_damaged_master_key_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "node.kek").write_text("not a key")
    with pytest.raises(StartError, match="is damaged"):
        opened(tmp_path)


def test_the_master_key_may_lie_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "secrets" / "kek"
    elsewhere.parent.mkdir()
    settings = {KEK_FILE.replace(".", "__"): str(elsewhere)}
    opened(tmp_path / "data", **settings).close()
    assert elsewhere.exists()
    assert not (tmp_path / "data" / "node.kek").exists()
    opened(tmp_path / "data", **settings)


def test_another_suite_gives_new_keys_and_still_reads_the_old_ones(tmp_path: Path) -> None:
    first = opened(tmp_path)
    old, blind = first.subject_key("default", ANNA), first.blind("default", "phone", "13812341234")
    sealed = old.sealer.seal(b"plain", b"")
    first.close()
    second = opened(tmp_path, **{SUITE.replace(".", "__"): "sm4-gcm"})
    new = second.subject_key("default", ANNA)
    assert (old.suite.word, new.suite.word) == ("aes", "sm4")
    key = second.by_number(old.kid)
    assert key is not None
    assert key.sealer.open(sealed, b"") == b"plain"
    assert second.retired("default") >= {old.kid}
    assert second.blind("default", "phone", "13812341234") == blind


async def test_a_destroyed_key_is_gone_from_the_book_its_wal_and_its_copies(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    anna, bo = keys.subject_key("default", ANNA), keys.subject_key("default", BO)
    row = keys.row(anna.kid)
    assert row is not None
    await keys.tend_copies()
    copies = files(tmp_path, "keys.db.copy-*")
    assert len(copies) == 1
    assert row.wrapped in copies[0].read_bytes()
    destroyed = await keys.destroy("default", ANNA)
    assert (destroyed.subject, destroyed.keys, destroyed.at_us) == (ANNA, 1, AT_US)
    assert keys.by_number(anna.kid) is None
    assert keys.by_number(bo.kid) is not None
    for file in files(tmp_path):
        assert row.wrapped not in file.read_bytes(), file.name
    assert (tmp_path / "keys.db-wal").stat().st_size == 0
    assert keys.subject_key("default", ANNA).kid != anna.kid


async def test_what_one_process_destroys_another_forgets(tmp_path: Path) -> None:
    clock = SteppedClock(AT_US)
    one, other = opened(tmp_path), opened(tmp_path, clock)
    kid = one.subject_key("default", ANNA).kid
    assert other.subject_key("default", ANNA).kid == kid
    other.refresh()
    await one.destroy("default", ANNA)
    clock.advance_to(AT_US + SECOND_US // 10)
    assert other.refresh()
    assert other.by_number(kid) is None
    assert not other.refresh()


async def test_two_processes_that_meet_somebody_new_have_one_key_for_her(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    await asyncio.gather(one.ready("default", [ANNA, BO]), other.ready("default", [BO, ANNA]))
    for subject in (ANNA, BO):
        assert one.subject_key("default", subject).kid == other.subject_key("default", subject).kid


async def test_copies_are_made_once_a_day_and_kept_for_seven(tmp_path: Path) -> None:
    clock = SteppedClock(AT_US)
    keys = opened(tmp_path, clock)
    for hour in range(24 * 10):
        clock.advance_to(AT_US + hour * 3600 * SECOND_US)
        await keys.tend_copies()
        made = sorted(int(file.name.rpartition("-")[2]) for file in files(tmp_path, "keys.db.copy-*"))
        assert made[0] > clock.now_us() - 7 * DAY_US
    assert made == [AT_US + day * DAY_US for day in range(3, 10)]


async def test_what_another_process_destroys_while_a_copy_is_made_is_gone_from_the_copy(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    for number in range(20):
        subject = f"{ANNA}:{number}"
        row = one.row(one.subject_key("default", subject).kid)
        assert row is not None
        await asyncio.gather(one.tend_copies(), other.destroy("default", subject))
        (copy,) = files(tmp_path, "keys.db.copy-*[0-9]")
        assert row.wrapped not in copy.read_bytes()
        copy.unlink()


async def test_a_closed_book_makes_no_copy(tmp_path: Path) -> None:
    book = KeyBook.open(tmp_path / "keys.db", sync="off")
    book.close()
    book.tend_copies(AT_US)
    assert not files(tmp_path, "keys.db.copy-*")


async def test_a_copy_takes_the_place_of_a_book_that_was_lost(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    kid = keys.subject_key("default", ANNA).kid
    await keys.tend_copies()
    keys.close()
    for ending in ("", "-wal", "-shm"):
        (tmp_path / f"keys.db{ending}").unlink(missing_ok=True)
    files(tmp_path, "keys.db.copy-*")[0].rename(tmp_path / "keys.db")
    assert opened(tmp_path).by_number(kid) is not None


async def test_a_book_that_cannot_be_written_refuses_instead_of_sealing_with_a_key_that_is_lost(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    keys.subject_key("default", ANNA)
    keys.close()
    with pytest.raises(StoreFailed):
        await keys.ready("default", [BO])


def test_something_else_is_not_taken_for_a_key_book(tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"something else, and long enough to be no empty database file at all" * 20)
    with pytest.raises(StartError, match="key book"):
        KeyBook.open(tmp_path / "keys.db")


@pytest.mark.parametrize(
    ("kind", "said", "one_spelling", "tail"),
    [
        ("phone", "138 1234 1234", "+8613812341234", "1234"),
        ("phone", "+86-138-1234-1234", "+8613812341234", "1234"),
        ("phone", "0531-8601 2345", "+8653186012345", "2345"),
        ("phone", "+14155552671", "+14155552671", "2671"),
        ("phone", "110", "110", None),
        ("phone", "12345", "12345", "2345"),
        ("phone", "no number", "no number", "mber"),
        ("id", " 11010519491231002x", "11010519491231002X", "002X"),
        ("ref", "urn:x:1", "urn:x:1", None),
    ],
)
def test_a_number_has_one_spelling_and_a_tail(kind: str, said: str, one_spelling: str, tail: str | None) -> None:
    assert normal(kind, said) == one_spelling  # type: ignore[arg-type]
    assert tail_of(kind, said) == tail  # type: ignore[arg-type]
