"""`linli audit`: verify, prove, check, key, as somebody uses them who has only the files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import apsw
import orjson
import pytest

from linli.base import SteppedClock
from linli.cli import main
from linli.store import Change, Put, open_store
from linli.trust import Act, HashChain, NodeSecret, Notary, Principal, Witness, audit_row, trace_of

ELDER = "urn:ngsi-ld:Resident:990101000000:01HZZZZZZZZZZZZZZZZZZZZZZZ"
SEAT = Act(Principal("urn:x:seat", "seat"), "care")
NOON = 1_900_000_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a node that wrote, was looked at, and signed; the witness lies in it."""

    async def run() -> None:
        store = await open_store(f"sqlite:///{tmp_path / 'linli.db'}", chain=HashChain(), sync="off")
        secret, witness = NodeSecret(tmp_path / "node.secret"), Witness(tmp_path / "witness")
        for one in range(600):
            put = Put(f"urn:x:{one}", ("Thing",), (), b"{}")
            await store.commit(Change("default", "urn:x:seat", "care", one, puts=(put,)))
        row = audit_row(at_us=NOON, act=SEAT, action="read", resource=ELDER, type="Resident", classes=("sensitive",))
        await store.commit(Change("default", "urn:x:seat", "care", 5, audit=(row,)))
        await Notary(store, secret, SteppedClock(NOON), node="990101", witness=witness).attest("default")
        await store.close()

    asyncio.run(run())
    return tmp_path


def tampered(folder: Path, statement: str) -> None:
    connection = apsw.Connection(str(folder / "linli.db"))
    connection.execute(statement)
    connection.close()


def test_verify_says_that_all_holds_and_up_to_where_the_witness_vouches(folder: Path, capsys: Any) -> None:
    assert main(["audit", "verify", "--data", str(folder), "--witness", str(folder / "witness")]) == 0
    said = capsys.readouterr().out
    assert "601 rows of the audit stand for 601 rows of the log, and all of them hold." in said
    assert "the witness vouches for it up to log position 601 of 601" in said


def test_verify_without_a_witness_says_what_it_cannot_exclude(folder: Path, capsys: Any) -> None:
    assert main(["audit", "verify", "--data", str(folder)]) == 0
    assert "Without a witness it cannot be excluded that rows were rewritten" in capsys.readouterr().out


def test_verify_uses_the_witness_of_the_settings(folder: Path, capsys: Any) -> None:
    words = ["audit", "verify", "--data", str(folder), "--set", f"trust.witness={folder / 'witness'}"]
    assert main(words) == 0
    assert "the witness vouches for it" in capsys.readouterr().out


def test_verify_names_the_first_row_that_is_wrong_and_ends_with_1(folder: Path, capsys: Any) -> None:
    tampered(folder, "UPDATE log SET actor = 'urn:x:nobody' WHERE seq IN (300, 400)")
    assert main(["audit", "verify", "--data", str(folder)]) == 1
    assert "Tenant default: WRONG at log position 300:" in capsys.readouterr().out


def test_a_part_is_verified_alone(folder: Path, capsys: Any) -> None:
    tampered(folder, "UPDATE log SET actor = 'urn:x:nobody' WHERE seq = 300")
    assert main(["audit", "verify", "--data", str(folder), "--from", "301", "--to", "500"]) == 0
    assert "200 rows of the audit" in capsys.readouterr().out
    assert main(["audit", "verify", "--data", str(folder), "--from", "300"]) == 1


def test_verify_knows_a_database_without_the_nodes_secret_by_its_public_key(folder: Path, capsys: Any) -> None:
    assert main(["audit", "key", "--data", str(folder)]) == 0
    key = capsys.readouterr().out.strip()
    (folder / "node.secret").rename(folder / "kept")
    assert main(["audit", "verify", "--data", str(folder)]) == 2
    assert "--key" in capsys.readouterr().err
    assert not (folder / "node.secret").exists()
    assert main(["audit", "verify", "--data", str(folder), "--key", key]) == 0
    assert main(["audit", "verify", "--data", str(folder), "--key", "abc"]) == 2


@pytest.mark.parametrize("seq", [1, 255, 256, 257, 512, 513, 601])
def test_a_proof_is_checked_without_the_node(folder: Path, capsys: Any, seq: int) -> None:
    proof = proven(folder, capsys, seq)
    assert main(["audit", "check", str(proof)]) == 0
    said = capsys.readouterr().out
    assert f"row {seq} of the log of node 990101" in said
    main(["audit", "key", "--data", str(folder)])
    assert main(["audit", "check", str(proof), "--key", capsys.readouterr().out.strip()]) == 0


def test_a_proof_says_who_looked_and_whose_trace_it_is(folder: Path, capsys: Any) -> None:
    said = orjson.loads(proven(folder, capsys, 601).read_bytes())
    row = orjson.loads(said["row"])
    assert (row["role"], row["action"], row["classes"], row["of"]) == ("seat", "read", ["sensitive"], [trace_of(ELDER)])


def test_a_proof_of_which_anything_was_changed_does_not_hold(folder: Path, capsys: Any) -> None:
    proof = proven(folder, capsys, 601)
    stands = orjson.loads(proof.read_bytes())
    others = {
        "row": stands["row"].replace("seat", "guard"),
        "hash": stands["before"],
        "before": stands["hash"],
        "log": stands["hash"],
        "index": stands["index"] - 1,
        "path": stands["path"][::-1],
        "checkpoint": {**stands["checkpoint"], "size": stands["checkpoint"]["size"] - 1},
        "form": "linli audit proof 2",
    }
    for member, value in others.items():
        proof.write_bytes(orjson.dumps({**stands, member: value}))
        assert main(["audit", "check", str(proof)]) == 2, member
    stranger = "A" * 43 + "="
    proof.write_bytes(orjson.dumps(stands))
    assert main(["audit", "check", str(proof), "--key", stranger]) == 2
    assert "signed by another node" in capsys.readouterr().err


@pytest.mark.parametrize("seq", [602, 10**9])
def test_what_is_not_there_is_not_proven(folder: Path, capsys: Any, seq: int) -> None:
    assert main(["audit", "prove", str(seq), "--data", str(folder)]) == 2
    assert "No checkpoint covers this row yet" in capsys.readouterr().err


def proven(folder: Path, capsys: Any, seq: int) -> Path:
    """Return a file with the proof of a row."""
    assert main(["audit", "prove", str(seq), "--data", str(folder)]) == 0
    (folder / "proof.json").write_text(capsys.readouterr().out)
    return folder / "proof.json"
