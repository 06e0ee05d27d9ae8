"""`linli trust explain`: what it says of roles, of accounts, of entities, and of a question that cannot be asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from linli.app import asked_at_rest
from linli.base import Settings, WallClock
from linli.broker import Broker, Draft
from linli.cli import main
from linli.store import open_store
from linli.trust import Account, Act, Identity, NodeSecret, Principal

WEST, EAST = "/cn/r37/r3701/r370102", "/cn/r37/r3701/r370103"
NOTICE = "urn:ngsi-ld:Notice:370102001001:1"
ENGINE = Act(Principal("engine:test", "engine", ("/",)), "service")


def explained(capsys: pytest.CaptureFixture[str], *words: str, data: Path | None = None) -> tuple[int, str]:
    """Return the exit code and what was printed."""
    code = main(["trust", "explain", *words, *(["--data", str(data)] if data else [])])
    told = capsys.readouterr()
    return code, told.out + told.err


def a_notice(folder: Path) -> None:
    """Write a notice of the west into a node that does not run."""

    async def write(broker: Broker) -> None:
        words = {"zh": "样例", "en": "Example"}
        said = {"title": words, "body": words, "scopeTo": [WEST], "validFrom": "2026-11-23T02:15:07Z"}
        draft = Draft(NOTICE, "Notice", {**said, "validTo": "2026-11-24T02:15:07Z"}, (WEST,), 0)
        await broker.write(ENGINE, [draft])

    asyncio.run(asked_at_rest(folder, Settings({}), write))


async def a_clerk(folder: Path) -> None:
    """Give somebody an account on a node that does not run."""
    store = await open_store(f"sqlite:///{folder}/linli.db")
    accounts = Identity(store, WallClock(), WallClock(), NodeSecret(folder / "node.secret")).accounts
    await accounts._records.write(*accounts.drafted(Account("account:1", "clerk", (WEST,))))
    await store.close()


def test_it_names_the_rule_that_decided_and_what_it_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = explained(capsys, f"seat@{WEST}", "read", f"ServiceCall@{WEST}/r370102001")
    assert code == 0
    assert "Allowed by desk-calls. Shown: personal full, sensitive full, minor full." in told
    assert "desk-calls: The desk of a unit sees its calls whole" in told
    assert "    yes  resource in principal.area" in told


def test_it_names_the_rules_that_would_have_let_and_what_they_miss(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = explained(capsys, f"seat@{WEST}", "read", f"ServiceCall@{EAST}")
    assert code == 1
    assert told.startswith("Denied: no-rule.")
    assert "    no   resource in principal.area" in told
    assert "own-call: " in told


def test_it_knows_purpose_reason_attributes_and_gates(capsys: pytest.CaptureFixture[str]) -> None:
    card, resident = f"EmergencyCard@{WEST}", f"Resident@{WEST}"
    assert explained(capsys, f"seat@{WEST}", "read", card)[0] == 1
    assert explained(capsys, f"seat@{WEST}", "read", card, "--purpose", "emergency")[0] == 0
    assert explained(capsys, f"clerk@{WEST}", "unmask", resident)[0] == 1
    assert explained(capsys, f"clerk@{WEST}", "unmask", resident, "--reason", "called back")[0] == 0
    granted = f"administrator@{WEST}", "grant", f"Account@{WEST}", "--touching"
    assert explained(capsys, *granted, "clerk")[1].startswith("Denied: second-factor.")
    assert explained(capsys, *granted, "clerk", "--strong")[0] == 0
    assert explained(capsys, *granted, "operator", "--strong")[0] == 1


def test_it_asks_about_an_entity_and_an_account_of_a_node_that_does_not_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    a_notice(tmp_path)
    assert explained(capsys, f"clerk@{WEST}", "change", NOTICE, data=tmp_path)[0] == 0
    assert explained(capsys, f"clerk@{EAST}", "change", NOTICE, data=tmp_path)[0] == 1
    code, told = explained(capsys, f"clerk@{EAST}", "change", NOTICE + "0", data=tmp_path)
    assert (code, told.startswith("linli: ")) == (2, True)
    asyncio.run(a_clerk(tmp_path))
    assert explained(capsys, "account:1", "change", NOTICE, data=tmp_path)[0] == 0
    assert explained(capsys, "account:1", "delete", f"Gate@{WEST}", data=tmp_path)[0] == 1
    code, told = explained(capsys, "account:nobody", "read", NOTICE, data=tmp_path)
    assert (code, "there is no such account" in told) == (2, True)


def test_what_cannot_be_asked_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(capsys, "king", "read", "Gate") == (1, "Denied: no-such-role.\n")
    assert explained(capsys, "seat", "place", "Gate") == (1, "Denied: no-such-verb.\n")
    with pytest.raises(SystemExit):
        explained(capsys, "seat", "dance", "Gate")
