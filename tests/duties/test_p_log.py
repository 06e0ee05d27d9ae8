"""p_log: the access log outlives whom it is about: somebody is erased, and the chain is whole; no row holds a value."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from town import WEST, a_town, link, prop, scope_of, word

from linli.cli import main
from linli.trust import Act, Principal, trace_of

PERSON = "urn:ngsi-ld:Resident:990101000000:01JTESTRES1DENT00000000001"
NAME, PHONE = "欧阳示例甲", "13800005678"


def test_somebody_is_erased_and_the_chain_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story() -> None:
        async with a_town(tmp_path) as town:
            said = {"fullName": prop(NAME), "telephone": prop(PHONE), "ageBand": word("a60to79")}
            home = link("urn:ngsi-ld:Area:" + WEST)
            person = {"id": PERSON, "type": "Resident", "scope": scope_of(WEST), **said, "homeArea": home}
            await town.admin.upsert_batch([person], purpose="registry")
            desk = Act(Principal("account:clerk", "clerk", (scope_of(WEST),)), "registry")
            await town.node.broker.get(desk, PERSON)
            await town.node.broker.erase(Act(Principal(PERSON, "resident", (scope_of(WEST),)), "registry"), PERSON)
            rows = [one.row for one in await town.node.store.audit_since("default", 0)]
            assert any(trace_of(PERSON).encode() in row and b'"erase"' in row for row in rows)
            text = b"".join(rows).decode()
            assert NAME not in text
            assert PHONE not in text

    asyncio.run(story())
    assert main(["audit", "verify", "--data", str(tmp_path)]) == 0, capsys.readouterr()
