"""Nobody unknown comes to the door, nobody pays more than he agreed to, and a regular visit comes without a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from persons import PERSON, a_resident
from town import EAST, LAT, LON, START_US, WEST, Town, a_helper, a_shift, link, point, prop, rungs, scope_of, told

from linli.base import MINUTE_US

AT_HOME = (LON + 0.010, LAT + 0.020)
NEXT_DOOR = (LON + 0.024, LAT + 0.020)
EIGHT_US = START_US - 60 * MINUTE_US
"""Eight o'clock on a Monday."""


def test_only_whoever_is_vetted_green_comes_and_the_customer_is_the_first_to_hear_of_a_delay(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, WEST, *AT_HOME, skills=("housekeeper",)), a_shift(1, WEST))
        worker = await town.worker(WEST)
        placed = await worker.place_call("home.visit", *AT_HOME, key="ten o'clock", mouth="seat")
        await town.pass_minutes(4)
        assert await rungs(town, placed.id) == ["caller"]
        assert (await (await town.helper(1)).helper_me())["offer"] is None

        await town.load(a_helper(2, EAST, *NEXT_DOOR, skills=("housekeeper", "vetted")), a_shift(2, EAST))
        await town.pass_minutes(0.3)
        vetted = await town.helper(2)
        offer = (await vetted.helper_me())["offer"]
        assert (offer["kind"], offer["crossing"]) == ("home.visit", True)
        await vetted.accept(offer["id"])
        for step in (vetted.depart, vetted.arrive, vetted.finish):
            await step(placed.id)
        await town.settle()
        assert (await worker.call(placed.id))["state"] == "done"

    told(story, tmp_path)


def test_before_a_price_changes_the_customer_is_asked_twice_and_then_rung(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        worker = await town.worker(WEST)
        placed = await worker.place_call("home.price", *AT_HOME, key="two more windows", mouth="seat")
        await town.pass_minutes(11)
        assert await rungs(town, placed.id) == ["caller", "caller", "seat"]
        await worker.take(placed.id)
        await worker.finish(placed.id, "does not want it: the old list stands")
        await town.settle()
        assert (await worker.call(placed.id))["state"] == "confirmed"

    told(story, tmp_path)


def a_plan(number: int, resident: str, *kinds: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:CarePlan:990101000000:01JTESTP1AN0{number:014d}",
        "type": "CarePlan",
        "scope": scope_of(WEST),
        "subject": link(resident),
        "services": link([f"urn:ngsi-ld:ServiceKind:{kind}" for kind in kinds]),
        "reviewAt": prop("2026-12-01"),
        "consent": link("urn:ngsi-ld:Consent:990101000000:01JTESTC0NSENT000000000001"),
        **more,
    }


def test_a_regular_visit_comes_to_those_whose_plan_names_it_until_it_ends(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        others = [PERSON[:-1] + str(number) for number in (2, 3)]
        homes = [{**a_resident(one, "示例"), "location": point(*AT_HOME)} for one in (PERSON, *others)]
        await town.admin.upsert_batch(homes, purpose="registry")
        plans = [
            a_plan(1, PERSON, "elder.meal", "home.plan"),
            a_plan(2, others[0], "elder.meal"),
            a_plan(3, others[1], "home.plan", endedAt=prop("2026-03-01T00:00:00Z")),
        ]
        await town.admin.upsert_batch(plans, purpose="care")
        await town.pass_minutes(2)
        calls = await town.admin.entities("ServiceCall", purpose="service")
        planned = [one for one in calls if one["serviceKind"].endswith(":home.plan")]
        assert [one["forWhom"] for one in planned] == [PERSON]
        await town.pass_minutes(12 * 60)
        assert set(await rungs(town, planned[0]["id"])) == {"community_worker", "caller", "officer"}

    told(story, tmp_path, now_us=EIGHT_US - MINUTE_US, settings={"packs.plans": True})
