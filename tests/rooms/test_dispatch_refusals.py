"""Whoever is refused a step of dispatch, or told that there is no such call, is written down; who is served is not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from dispatch_town import HOME_SCOPE, WORKER, Town, resident

from linli.base.errors import NotAllowed, ResourceNotFound
from linli.trust import Act, AuditEntry, Principal, read_row, trace_of

STRANGER = Act(Principal("urn:ngsi-ld:Resident:stranger", "resident", (HOME_SCOPE,)), "service")
OTHER_DESK = replace(WORKER, who=Principal("worker:away", "community_worker", ("/cn/r11",)))


async def refusals(town: Town) -> list[AuditEntry]:
    await town.broker.settled()
    rows = [read_row(one.row) for one in await town.store.audit_since("default", 0)]
    return [one for one in rows if one and not one.ok]


def test_a_step_a_look_and_a_helper_of_others_leave_a_row_each_with_whose_it_was() -> None:
    async def run() -> None:
        town, caller = Town(), resident("A")
        await town.areas()
        helper = await town.helper("near")
        call = await town.press(0, who=caller)
        for asked in (
            town.dispatch.take_step(STRANGER, call, "cancel", {}),
            town.dispatch.call_view(OTHER_DESK, call),
            town.dispatch.candidates(OTHER_DESK, call),
            town.dispatch.set_duty(STRANGER, helper.who.id, "off"),
        ):
            with pytest.raises(ResourceNotFound):
                await asked
        with pytest.raises(NotAllowed):
            await town.dispatch.take_step(caller, call, "acknowledge", {})
        rows = await refusals(town)
        assert [(one.action, one.type, one.actor, one.times) for one in rows] == [
            ("act", "ServiceCall", STRANGER.who.id, 1),
            ("read", "ServiceCall", OTHER_DESK.who.id, 1),
            ("act", "Helper", STRANGER.who.id, 1),
            ("act", "ServiceCall", caller.who.id, 1),
            ("read", "ServiceCall", OTHER_DESK.who.id, 1),
        ]
        assert trace_of(caller.who.id) in rows[0].of
        assert all(one.policy for one in rows[:3])

    asyncio.run(run())


def test_whoever_may_leaves_no_row_of_refusal() -> None:
    async def run() -> None:
        town, caller = Town(), resident("A")
        await town.areas()
        call = await town.press(0, who=caller)
        await town.dispatch.call_view(WORKER, call)
        await town.dispatch.candidates(WORKER, call)
        await town.dispatch.take_step(caller, call, "cancel", {})
        assert await refusals(town) == []

    asyncio.run(run())
