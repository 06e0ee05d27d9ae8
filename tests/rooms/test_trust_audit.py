"""The rules of the audit: what its rows say, how they are chained, and what a tree of them proves."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.trust import (
    Act,
    Checkpoint,
    HashChain,
    NodeSecret,
    Principal,
    Witness,
    audit_row,
    is_signed,
    read_row,
    trace_of,
    witness_at,
)
from linli.trust._chain import HASHES, Algorithm, chain_of, rows_of
from linli.trust._checkpoints import read_checkpoint
from linli.trust._tree import BLOCK, Subtree, Tree, path_of, root_by, subtree_root

ELDER = "urn:ngsi-ld:Resident:990101000000:01HZZZZZZZZZZZZZZZZZZZZZZZ"
SEAT = Act(Principal("urn:ngsi-ld:Helper:990101000000:01HAAAAAAAAAAAAAAAAAAAAAAA", "seat"), "service")
LINE = (7, 1, "default", 3, "update", "urn:x", "Gate", "/cn", 2, '["state"]', "urn:y", "service")


def a_row(**said: object) -> bytes:
    """Return a row about the elder."""
    given: dict[str, object] = {"at_us": 5, "act": SEAT, "action": "read", "resource": ELDER}
    return audit_row(**{**given, **said})  # type: ignore[arg-type]


def test_a_row_says_who_did_what_and_why_but_no_id_of_the_person_whom_it_is_about() -> None:
    row = a_row(type="Resident", policy="seat.Resident.read.area", classes=("sensitive", "personal"))
    entry = read_row(row)
    assert entry is not None
    assert (entry.actor, entry.role, entry.purpose) == (SEAT.who.id, "seat", "service")
    assert (entry.action, entry.type, entry.classes, entry.ok) == ("read", "Resident", ("personal", "sensitive"), True)
    assert entry.of == (trace_of(ELDER),)
    assert ELDER.encode() not in row


def test_a_row_keeps_codes_as_reasons_and_hashes_what_somebody_typed() -> None:
    assert b'"reason":"case:2031-17"' in a_row(reason="case:2031-17")
    typed = a_row(reason="王秀英 138 0013 8000 asked for it")
    assert b"138" not in typed.replace(
        hashlib.sha256("王秀英 138 0013 8000 asked for it".encode()).hexdigest().encode(), b""
    )
    entry = read_row(typed)
    assert entry is not None
    assert entry.reason.startswith("sha256:")


def test_a_row_of_a_list_finds_everybody_in_it_once() -> None:
    entry = read_row(a_row(resource=[ELDER, "urn:b", ELDER, ""]))
    assert entry is not None
    assert entry.of == tuple(sorted({trace_of(ELDER), trace_of("urn:b")}))


def test_who_acts_for_somebody_leaves_a_trace_of_him() -> None:
    entry = read_row(a_row(act=Act(SEAT.who, "service", for_whom=ELDER)))
    assert entry is not None
    assert entry.for_whom == trace_of(ELDER)


@pytest.mark.parametrize("row", [b"", b"x", b"[]", b"{}", b'{"a":1}'])
def test_what_is_no_row_is_read_as_none(row: bytes) -> None:
    assert read_row(row) is None


@pytest.mark.parametrize("algorithm", ["sha-256", "sm3"])
def test_a_hash_binds_a_row_to_the_one_before_and_to_the_log(algorithm: Algorithm) -> None:
    chain = HashChain(algorithm)
    first = chain.link(b"", [LINE], b"one")
    second = chain.link(first, [LINE], b"two")
    assert len({first, second, chain.link(b"", [LINE], b"two"), chain.link(first, [(8, *LINE[1:])], b"two")}) == 4
    known = chain_of(second)
    assert known is not None
    assert known.link(first, [LINE], b"two") == second == known.bind(first, known.digest([LINE]), b"two")


def test_sm3_is_the_function_of_the_standard() -> None:
    assert HASHES["sm3"](b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_a_summary_says_for_how_many_rows_it_stands_and_any_other_row_stands_for_one() -> None:
    chain = HashChain()
    assert rows_of(chain.summary("seat.Gate.change.area", 3)) == 3
    assert rows_of(chain.summary("", 1)) == 1
    assert rows_of(a_row()) == 1
    assert chain.about(chain.summary("", 1)) == ()
    assert chain.about(a_row()) == (trace_of(ELDER),)


def root_of(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 9162, section 2.1.1, defines it."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


@given(st.lists(st.binary(min_size=1, max_size=3), max_size=70), st.data())
def test_the_compact_range_gives_the_root_of_the_standard_and_every_leaf_its_path(
    leaves: list[bytes], data: st.DataObject
) -> None:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    assert tree.root == root_of(leaves)
    if leaves:
        index = data.draw(st.integers(0, len(leaves) - 1))
        path = [root_of(leaves[one.start : one.stop]) for one in path_of(index, len(leaves))]
        assert root_by("sha-256", leaves[index], index, len(leaves), path) == tree.root
        assert root_by("sha-256", leaves[index] + b"x", index, len(leaves), path) != tree.root
        assert root_by("sha-256", leaves[index], index, len(leaves), [*path, b""]) is None


@settings(max_examples=20)
@given(st.integers(1, 3 * BLOCK), st.data())
def test_full_blocks_are_handed_out_once_and_prove_as_well_as_all_leaves(size: int, data: st.DataObject) -> None:
    leaves = [number.to_bytes(2) for number in range(size)]
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    kept = dict(tree.finished)
    assert list(kept) == [Subtree(start, start + BLOCK) for start in range(0, size - size % BLOCK, BLOCK)]

    async def keep(subtree: Subtree) -> bytes | None:
        return kept.get(subtree)

    async def few(subtree: Subtree) -> list[bytes]:
        assert subtree.start // BLOCK == (subtree.stop - 1) // BLOCK
        return leaves[subtree.start : subtree.stop]

    async def path(index: int) -> list[bytes]:
        return [await subtree_root("sha-256", one, keep, few) for one in path_of(index, size)]

    index = data.draw(st.integers(0, size - 1))
    assert root_by("sha-256", leaves[index], index, size, asyncio.run(path(index))) == tree.root


def a_checkpoint(secret: NodeSecret, size: int = 3) -> Checkpoint:
    """Return a signed checkpoint."""
    one = Checkpoint(9, "990101000000", "default", size, 12, "sha-256", bytes(32), secret.public_key)
    return one._replace(signature=secret.sign(one.said()))


def test_a_checkpoint_is_read_back_from_its_line_and_no_member_can_be_changed() -> None:
    one = a_checkpoint(NodeSecret(None))
    assert read_checkpoint(one.line()) == one
    assert one.is_signed
    said = orjson.loads(one.line())
    for member in set(said) - {"signature"}:
        other = {**said, member: said[member] + 1 if isinstance(said[member], int) else said[member][:-4] + "AAAA"}
        read = read_checkpoint(orjson.dumps(other))
        assert read is None or not read.is_signed, member


def test_a_signature_is_no_others_and_of_no_other_text() -> None:
    secret, other = NodeSecret(None), NodeSecret(None)
    assert is_signed(secret.public_key, b"said", secret.sign(b"said"))
    assert not is_signed(other.public_key, b"said", secret.sign(b"said"))
    assert not is_signed(secret.public_key, b"sad", secret.sign(b"said"))
    assert not is_signed(b"short", b"said", secret.sign(b"said"))


def test_a_node_keeps_its_key_with_its_secret(tmp_path: Path) -> None:
    first, again = NodeSecret(tmp_path / "node.secret"), NodeSecret(tmp_path / "node.secret")
    assert is_signed(first.public_key, b"said", again.sign(b"said"))


def test_a_witness_is_only_appended_to_and_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    witness, secret = Witness(tmp_path / "there" / "witness"), NodeSecret(None)
    witness.append([a_checkpoint(secret, 1).line()])
    with witness.file.open("ab") as file:
        file.write(a_checkpoint(secret, 2).line()[:40])
    witness.append([a_checkpoint(secret, 3).line()])
    found, unreadable = witness.read()
    assert [one.size for one in found] == [1, 3]
    assert unreadable == 1


def test_a_folder_as_witness_holds_a_file_for_each_node(tmp_path: Path) -> None:
    assert witness_at("", "990101") is None
    there = witness_at(str(tmp_path), "990101")
    assert there is not None
    assert there.file == tmp_path / "linli-990101.witness"
    file = witness_at(str(tmp_path / "witness"), "990101")
    assert file is not None
    assert file.file == tmp_path / "witness"
