"""The main job: somebody presses, and whoever can best help comes, whatever community he belongs to."""

from __future__ import annotations

import asyncio
from pathlib import Path

from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, a_town, helper_id

AT_HOME_IN_THE_WEST = (LON + 0.010, LAT + 0.020)
NEXT_DOOR_IN_THE_EAST = (LON + 0.030, LAT + 0.020)


def run(story, folder: Path, **town) -> None:
    async def told() -> None:
        async with a_town(folder, **town) as there:
            await story(there)

    asyncio.run(told())


async def press(town: Town, **more):
    placed = await town.stranger.calling_as("a browser").place_call(
        "elder.care_visit", *AT_HOME_IN_THE_WEST, key="press-1", **more
    )
    await town.settle()
    return placed, town.stranger.watching(placed.watch)


def test_a_press_is_answered_from_the_next_community_and_the_page_says_why(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, EAST, *NEXT_DOOR_IN_THE_EAST), a_shift(1, EAST))
        placed, caller = await press(town)

        helper = await town.helper(1)
        offer = (await helper.helper_me())["offer"]
        assert offer["crossing"] is True
        assert offer["minutes"] > 0
        assert "place" not in offer
        await helper.accept(offer["id"])
        await town.settle()

        seen = await caller.call(placed.id)
        assert seen["state"] == "accepted"
        assert seen["crossing"] is True
        assert seen["homeArea"]["name"]["zh"] == "西示例社区"
        assert seen["helper"]["area"]["name"]["zh"] == "东示例社区"
        assert seen["helper"]["etaSeconds"] > 0
        assert seen["whyText"]["zh"]
        assert "Example East" in seen["whyText"]["en"]
        assert seen["why"]["skill"] == ["carer"]

        for step in (helper.depart, helper.arrive, helper.finish):
            await step(placed.id)
            await town.pass_minutes(10)
        assert (await caller.call(placed.id))["state"] == "done"
        await caller.confirm(placed.id)
        await caller.rate(placed.id, 5)
        ended = await caller.call(placed.id)
        assert ended["state"] in ("confirmed", "closed")
        assert ended["rating"] == 5
        assert ended["timeline"][0]["what"] == "received"
        assert (await helper.helper_me())["call"] is None

    run(story, tmp_path)


def test_own_community_only_leaves_the_same_press_alone(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, EAST, *NEXT_DOOR_IN_THE_EAST), a_shift(1, EAST))
        placed, caller = await press(town)
        assert (await (await town.helper(1)).helper_me())["offer"] is None
        assert (await caller.call(placed.id))["state"] == "noProvider"

    run(story, tmp_path, policy="closed")


def test_when_nobody_is_there_the_ladder_answers_and_the_caller_is_told(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        placed, caller = await press(town)
        seen = await caller.call(placed.id)
        assert seen["state"] == "noProvider"
        assert seen["shortage"]["bindingStep"] == "registered"
        assert seen["shortageText"]["zh"]
        assert seen["next"]["text"]["zh"]
        levels = [seen["escalationLevel"]]
        for _ in range(3):
            await town.pass_minutes(11)
            levels.append((await caller.call(placed.id))["escalationLevel"])
        assert levels == sorted(levels)
        assert levels[-1] >= 3
        told = [entry["what"] for entry in (await caller.call(placed.id))["timeline"]]
        assert "escalated" in told

        worker = await town.worker(WEST)
        listed = (await worker.calls("open"))["calls"]
        assert [call["id"] for call in listed] == [placed.id]

        await town.load(a_helper(2, EAST, *NEXT_DOOR_IN_THE_EAST), a_shift(2, EAST))
        await town.pass_minutes(1)
        assert (await (await town.helper(2)).helper_me())["offer"]["kind"] == "elder.care_visit"

    run(story, tmp_path)


def test_a_declined_and_an_unanswered_offer_go_on_to_the_next(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        near, far, farther = ((LON + 0.012 + i * 0.004, LAT + 0.020) for i in range(3))
        await town.load(
            a_helper(1, WEST, *near), a_helper(2, WEST, *far), a_helper(3, EAST, *farther),
            a_shift(1, WEST), a_shift(2, WEST), a_shift(3, EAST),
        )  # fmt: skip
        placed, caller = await press(town)
        first, second, third = [await town.helper(number) for number in (1, 2, 3)]
        await first.decline((await first.helper_me())["offer"]["id"], "on a break")
        await town.settle()
        assert (await first.helper_me())["offer"] is None
        assert (await second.helper_me())["offer"] is not None
        await town.pass_minutes(35)
        assert (await second.helper_me())["offer"] is None or (await third.helper_me())["offer"] is None
        seen = await caller.call(placed.id)
        assert seen["offersTried"] >= 3

    run(story, tmp_path)


def test_two_helpers_accept_at_once_and_exactly_one_wins(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, WEST, *AT_HOME_IN_THE_WEST), a_shift(1, WEST))
        await press(town)
        helper = await town.helper(1)
        offer_id = (await helper.helper_me())["offer"]["id"]
        answers = await asyncio.gather(*(helper.accept(offer_id) for _ in range(5)), return_exceptions=True)
        won = [answer for answer in answers if isinstance(answer, dict)]
        assert len(won) >= 1
        assert all(getattr(answer, "code", "OfferGone") == "OfferGone" for answer in answers if answer not in won)

    run(story, tmp_path)


def test_a_worker_offers_by_hand_and_the_reason_is_kept(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(
            a_helper(1, WEST, *AT_HOME_IN_THE_WEST), a_helper(2, WEST, *NEXT_DOOR_IN_THE_EAST),
            a_shift(1, WEST), a_shift(2, WEST),
        )  # fmt: skip
        placed, _ = await press(town)
        worker = await town.worker(WEST)
        shown = await worker.candidates(placed.id)
        assert helper_id(2) in [one["helper"] for one in shown["candidates"]]
        await worker.offer(placed.id, helper_id(2), "she knows the family")
        await town.settle()
        offer = (await (await town.helper(2)).helper_me())["offer"]
        assert offer is not None
        entity = await town.admin.entity(offer["id"], purpose="service")
        assert "she knows the family" in str(entity["why"])

    run(story, tmp_path)


def test_a_call_is_reopened_and_goes_out_again(tmp_path: Path) -> None:
    async def story(town: Town) -> None:
        await town.load(a_helper(1, WEST, *AT_HOME_IN_THE_WEST), a_shift(1, WEST))
        placed, caller = await press(town)
        helper = await town.helper(1)
        await helper.accept((await helper.helper_me())["offer"]["id"])
        for step in (helper.depart, helper.arrive, helper.finish):
            await step(placed.id)
        await town.settle()
        await caller.reopen(placed.id, "the tap drips again")
        await town.settle()
        assert (await caller.call(placed.id))["state"] == "offered"
        assert (await helper.helper_me())["offer"] is not None

    run(story, tmp_path)
