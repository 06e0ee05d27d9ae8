"""What people do with a call, over a real broker and store: each step is one commit, and says no when it must."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dispatch_town import CARE, CODES, ENGINE, SHOP, SOS, WORKER, Town, area_id, name_of, resident, spot

from linli.base import scope_of_code
from linli.base.errors import (
    BadRequestData,
    NotAllowed,
    NotNow,
    OfferGone,
    ResourceNotFound,
    UnknownKind,
)
from linli.dispatch import CallRequest
from linli.trust import Act, Principal


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


async def a_town(**options: Any) -> Town:
    town = Town(**options)
    await town.areas()
    return town


def test_a_press_is_offered_to_the_nearest_who_is_free() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("far", 0, 0.1)
        await town.helper("near", 0, 0.6)
        call_id = await town.press(0, 0.5)
        call = await town.call(call_id)
        offer = await town.open_offer(call_id)
        assert call["state"] == "offered"
        assert call["homeArea"] == area_id(0)
        assert name_of(offer.values["helper"]) == "near"
        assert offer.values["why"]["rank"] == 1
        assert offer.values["why"]["of"] == 2

    run(story())


def test_a_call_crosses_the_border_when_nobody_at_home_is_on_duty_and_the_page_says_why() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("next-door", 1, 0.2)
        who = resident("A")
        call_id = await town.press(0, 0.9, who=who)
        await town.accepted(call_id)
        view = await town.dispatch.call_view(who, call_id)
        assert view["state"] == "accepted"
        assert view["crossing"] is True
        assert view["helper"]["area"]["name"]["zh"] == "例2社区"
        assert "例2社区" in view["whyText"]["zh"]
        assert "例1社区此刻没有这样的人值班" in view["whyText"]["zh"]
        assert "Example 2" in view["whyText"]["en"]

    run(story())


def test_the_whole_way_from_the_press_to_the_rating() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        who = resident("A")
        call_id = await town.press(0, who=who)
        helper = await town.accepted(call_id)
        steps = [("depart", "enRoute"), ("arrive", "onSite"), ("finish", "done")]
        for step, state in steps:
            await town.dispatch.take_step(helper, call_id, step, {})
            assert (await town.call(call_id))["state"] == state
        assert (await town.dispatch.helper_view(helper, helper.who.id))["dutyState"] == "ready"
        await town.dispatch.take_step(who, call_id, "confirm", {})
        await town.dispatch.take_step(who, call_id, "rate", {"stars": 5, "text": "好"})
        view = await town.dispatch.call_view(who, call_id)
        assert (view["state"], view["rating"]) == ("confirmed", 5)
        assert [row["what"] for row in view["timeline"]] == [
            "received", "triaged", "offered", "accepted", "enRoute", "onSite", "done", "confirmed", "rated",
        ]  # fmt: skip
        assert all(row["text"]["zh"] and row["text"]["en"] for row in view["timeline"])
        await town.later(25 * 60)
        assert (await town.call(call_id))["state"] == "closed"

    run(story())


def test_nobody_answers_the_offer_so_the_next_best_is_asked() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("near", 0, 0.6)
        await town.helper("far", 0, 0.1)
        call_id = await town.press(0, 0.5)
        await town.later(2.1)
        offers = {name_of(one.values["helper"]): one.values["answer"] for one in await town.offers(call_id)}
        assert offers == {"near": "timeout", "far": "open"}

    run(story())


def test_one_who_declines_is_not_asked_again_while_others_are_untried() -> None:
    async def story() -> None:
        town = await a_town()
        near = await town.helper("near", 0, 0.6)
        far = await town.helper("far", 0, 0.1)
        call_id = await town.press(0, 0.5)
        await town.dispatch.decline(near, (await town.open_offer(call_id)).id, "车坏了")
        await town.dispatch.settled()
        assert name_of((await town.open_offer(call_id)).values["helper"]) == "far"
        await town.dispatch.decline(far, (await town.open_offer(call_id)).id)
        await town.dispatch.settled()
        call = await town.call(call_id)
        assert call["state"] == "noProvider"
        assert call["shortage"]["bindingStep"] == "notAsked"
        await town.later(6)
        assert len(await town.offers(call_id)) >= 3

    run(story())


def test_two_helpers_accept_at_once_and_exactly_one_has_the_call() -> None:
    async def story() -> None:
        town = await a_town()
        near = await town.helper("near", 0, 0.6)
        far = await town.helper("far", 0, 0.1)
        call_id = await town.press(0, 0.5)
        offer = (await town.open_offer(call_id)).id
        answers = await asyncio.gather(
            town.dispatch.accept(near, offer),
            town.dispatch.accept(near, offer),
            town.dispatch.accept(far, offer),
            return_exceptions=True,
        )
        assert [one for one in answers if one == call_id] == [call_id]
        assert [type(one) for one in answers if one != call_id] == [OfferGone, ResourceNotFound]

    run(story())


def test_an_offer_that_timed_out_cannot_be_accepted_even_before_the_timer_was_claimed() -> None:
    async def story() -> None:
        town = await a_town()
        helper = await town.helper("H", 0)
        call_id = await town.press(0)
        offer = (await town.open_offer(call_id)).id
        town.clock.advance_to(town.clock.now_us() + 121_000_000)
        with pytest.raises(OfferGone):
            await town.dispatch.accept(helper, offer)

    run(story())


def test_the_same_press_twice_is_one_call_and_a_second_press_is_counted() -> None:
    async def story() -> None:
        town = await a_town()
        who = resident("A")
        first = await town.press(0, who=who, key="k1")
        assert await town.press(0, who=who, key="k1") == first
        assert (await town.call(first))["presses"] == 1
        assert await town.press(0, who=who, key="k2") == first
        assert await town.press(0, who=who, key="k2") == first
        assert (await town.call(first))["presses"] == 2
        await town.later(3)
        assert await town.press(0, who=who, key="k1") == first
        assert await town.press(0, who=who, key="k3") != first

    run(story())


def test_ten_presses_in_one_moment_are_one_call() -> None:
    async def story() -> None:
        town = await a_town()
        who = resident("A")
        calls = await asyncio.gather(*(town.press(0, who=who, key=f"k{n}") for n in range(10)))
        assert len(set(calls)) == 1
        assert (await town.call(calls[0]))["presses"] == 10

    run(story())


def test_a_worker_who_enters_calls_of_two_callers_gets_two_calls() -> None:
    async def story() -> None:
        town = await a_town()
        assert await town.press(0, 0.2, who=WORKER) != await town.press(0, 0.8, who=WORKER)

    run(story())


@pytest.mark.parametrize(
    ("body", "error", "names"),
    [
        ({"kind": "no.such", "lon": 117.0, "lat": 36.0}, UnknownKind, "kind"),
        ({"kind": CARE, "lon": "x", "lat": 36.0}, BadRequestData, "lon"),
        ({"kind": CARE, "lon": 117.0, "lat": 360.0}, BadRequestData, "lat"),
        ({"kind": CARE, "lon": 117.0, "lat": 36.0, "mouth": "ear"}, BadRequestData, "mouth"),
        ({"kind": CARE, "lon": 117.0, "lat": 36.0, "text": "x" * 1001}, BadRequestData, "text"),
        ({"kind": CARE, "lon": 117.0, "lat": 36.0, "for": "张三"}, BadRequestData, "for"),
        ({"kind": CARE, "lon": 117.0, "lat": 36.0, "saidAt": "soon"}, BadRequestData, "time"),
        ({"lon": 117.0, "lat": 36.0}, BadRequestData, "kind"),
        ([], BadRequestData, "object"),
    ],
)
def test_a_wrong_press_is_refused_and_the_answer_names_the_field(body: Any, error: type[Exception], names: str) -> None:
    async def story() -> None:
        town = await a_town()
        with pytest.raises(error, match=names):
            await town.dispatch.place_call(resident("A"), CallRequest.from_body(body))

    run(story())


def test_words_of_life_in_the_text_make_any_call_urgent() -> None:
    async def story() -> None:
        town = await a_town()
        call = await town.call(await town.press(0, text="老人摔倒了"))
        assert call["urgency"] == 3
        assert call["lifeCritical"] is True

    run(story())


def test_cancelling_lets_the_asked_helper_go() -> None:
    async def story() -> None:
        town = await a_town()
        helper = await town.helper("H", 0)
        who = resident("A")
        call_id = await town.press(0, who=who)
        offer = (await town.open_offer(call_id)).id
        await town.dispatch.take_step(who, call_id, "cancel", {"reason": "不用了"})
        await town.dispatch.settled()
        assert (await town.offers(call_id))[0].values["answer"] == "withdrawn"
        with pytest.raises(OfferGone):
            await town.dispatch.accept(helper, offer)
        assert (await town.open_offer(await town.press(0, 0.3))).values["helper"] == helper.who.id

    run(story())


def test_cancelling_an_accepted_call_frees_the_helper_but_not_once_he_is_there() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        who = resident("A")
        first = await town.press(0, who=who)
        helper = await town.accepted(first)
        await town.dispatch.take_step(who, first, "cancel", {})
        assert (await town.dispatch.helper_view(helper, helper.who.id))["dutyState"] == "ready"
        second = await town.press(0, 0.4)
        await town.accepted(second)
        await town.dispatch.take_step(helper, second, "arrive", {"lon": spot(0, 0.4)[0], "lat": spot(0, 0.4)[1]})
        with pytest.raises(NotNow):
            await town.dispatch.take_step(WORKER, second, "cancel", {})

    run(story())


def test_going_off_duty_in_the_middle_of_an_offer_passes_it_on() -> None:
    async def story() -> None:
        town = await a_town()
        near = await town.helper("near", 0, 0.6)
        await town.helper("far", 0, 0.1)
        call_id = await town.press(0, 0.5)
        await town.dispatch.set_duty(near, near.who.id, "off")
        await town.dispatch.settled()
        offers = {name_of(one.values["helper"]): one.values["answer"] for one in await town.offers(call_id)}
        assert offers == {"near": "withdrawn", "far": "open"}

    run(story())


def test_a_helper_who_comes_on_duty_is_asked_for_whoever_waits() -> None:
    async def story() -> None:
        town = await a_town()
        helper = await town.helper("H", 0, dutyState="off")
        call_id = await town.press(0)
        assert (await town.call(call_id))["state"] == "noProvider"
        await town.dispatch.set_duty(helper, helper.who.id, "ready")
        await town.dispatch.settled()
        call = await town.call(call_id)
        assert call["state"] == "offered"
        assert "shortage" not in call

    run(story())


def test_nobody_anywhere_is_answered_by_the_ladder() -> None:
    async def story() -> None:
        town = await a_town()
        who = resident("A")
        call_id = await town.press(0, who=who)
        view = await town.dispatch.call_view(who, call_id)
        assert view["state"] == "noProvider"
        assert view["shortage"]["bindingStep"] == "registered"
        assert "还没有登记服务者" in view["shortageText"]["zh"]
        await town.later(0.1)
        view = await town.dispatch.call_view(who, call_id)
        assert view["escalationLevel"] == 1
        assert "街道社区工作者" in view["next"]["text"]["zh"]
        assert view["next"]["at"] is not None
        await town.later(40)
        view = await town.dispatch.call_view(who, call_id)
        assert [row["text"]["zh"] for row in view["timeline"] if row["what"] == "escalated"] == [
            "已升级到街道社区工作者",
            "已升级到区里的负责人",
            "已升级到值班坐席",
        ]
        assert "值班坐席" in view["next"]["text"]["zh"]

    run(story())


def test_everybody_is_busy_and_the_page_says_when_somebody_may_come() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        await town.accepted(await town.press(0, 0.4))
        who = resident("A")
        call_id = await town.press(0, 0.5, who=who)
        view = await town.dispatch.call_view(who, call_id)
        assert view["shortage"]["bindingStep"] == "idle"
        assert view["shortage"]["wouldHelp"] == [{"relax": "idle", "more": 1}]
        assert "最早可能25分钟后到" in view["shortageText"]["zh"]
        assert view["escalationLevel"] == 0
        await town.later(10.1)
        assert (await town.call(call_id))["escalationLevel"] == 1

    run(story())


def test_acknowledging_stops_the_rungs_that_only_want_to_be_heard() -> None:
    async def story() -> None:
        town = await a_town()
        call_id = await town.press(0, kind=SOS)
        await town.later(0.1)
        await town.dispatch.take_step(WORKER, call_id, "acknowledge", {})
        await town.later(10)
        told = [row["to"] for row in (await town.call(call_id))["timeline"] if row["what"] == "escalated"]
        assert told == ["seat", "officer"]

    run(story())


def test_a_life_call_is_asked_for_before_an_older_ordinary_one() -> None:
    async def story() -> None:
        town = await a_town()
        helper = await town.helper("H", 0, skills=("carer", "first_aid"), dutyState="off")
        ordinary = await town.press(0, 0.5)
        await town.later(5)
        life = await town.press(0, 0.1, kind=SOS)
        await town.dispatch.set_duty(helper, helper.who.id, "ready")
        await town.dispatch.settled()
        assert (await town.call(life))["state"] == "offered"
        assert (await town.call(ordinary))["state"] == "noProvider"

    run(story())


def test_a_call_not_confirmed_is_confirmed_by_itself_and_says_so() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        call_id = await town.press(0)
        helper = await town.accepted(call_id)
        for step in ("arrive", "finish"):
            await town.dispatch.take_step(helper, call_id, step, {})
        await town.later(24 * 60 + 1)
        call = await town.call(call_id)
        assert (call["state"], call["byTimeout"]) == ("confirmed", True)
        assert call["timeline"][-1] == {**call["timeline"][-1], "what": "confirmed", "byTimeout": True}

    run(story())


def test_a_kind_that_needs_no_confirmation_is_confirmed_at_once() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0, skills=("courier",))
        call_id = await town.press(0, kind=SHOP)
        helper = await town.accepted(call_id)
        for step in ("arrive", "finish"):
            await town.dispatch.take_step(helper, call_id, step, {})
        await town.later(0.1)
        assert (await town.call(call_id))["state"] == "confirmed"

    run(story())


def test_a_finished_call_can_be_reopened_for_fifteen_days_and_is_then_asked_for_anew() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        who = resident("A")
        call_id = await town.press(0, who=who)
        helper = await town.accepted(call_id)
        for step in ("arrive", "finish"):
            await town.dispatch.take_step(helper, call_id, step, {})
        await town.later(60)
        await town.dispatch.take_step(who, call_id, "reopen", {"reason": "还漏水"})
        await town.dispatch.settled()
        call = await town.call(call_id)
        assert (call["state"], call["reopened"]) == ("offered", 1)
        assert "assigned" not in call
        await town.accepted(call_id)
        for step in ("arrive", "finish"):
            await town.dispatch.take_step(helper, call_id, step, {})
        await town.later(16 * 24 * 60)
        with pytest.raises(NotNow):
            await town.dispatch.take_step(who, call_id, "reopen", {})
        assert "reopen" not in (await town.dispatch.call_view(who, call_id))["can"]

    run(story())


def test_a_call_that_is_late_is_raised_one_level() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        call_id = await town.press(0)
        await town.accepted(call_id)
        await town.later(61)
        call = await town.call(call_id)
        assert call["escalationLevel"] == 1
        assert call["timeline"][-1]["what"] == "late"

    run(story())


def test_the_address_is_shown_only_from_acceptance_and_never_to_officials_or_strangers() -> None:
    async def story() -> None:
        town = await a_town()
        helper = await town.helper("H", 0)
        who = resident("A")
        call_id = await town.press(0, who=who, text="三楼左手")
        asked = await town.dispatch.call_view(helper, call_id)
        assert "place" not in asked
        assert "text" not in asked
        page = await town.dispatch.helper_view(helper, helper.who.id)
        assert page["offer"]["homeArea"]["id"] == area_id(0)
        assert page["offer"]["whyText"]["zh"]
        await town.accepted(call_id)
        assert (await town.dispatch.call_view(helper, call_id))["text"] == "三楼左手"
        official = Act(Principal("official:x", "city_official", ("/cn",)), "statistics")
        seen = await town.dispatch.call_view(official, call_id)
        assert "place" not in seen
        assert "id" not in seen["helper"]
        assert seen["helper"]["name"] is None
        with pytest.raises(ResourceNotFound):
            await town.dispatch.call_view(resident("stranger"), call_id)
        with pytest.raises(ResourceNotFound):
            await town.dispatch.take_step(resident("stranger"), call_id, "cancel", {})
        assert (await town.dispatch.call_view(who, call_id))["helper"]["name"]["zh"] == "例护理员"
        for step in ("arrive", "finish"):
            await town.dispatch.take_step(helper, call_id, step, {})
        await town.later(24 * 60 + 1)
        assert "place" not in await town.dispatch.call_view(helper, call_id)

    run(story())


def test_whoever_holds_the_watch_word_acts_as_the_caller() -> None:
    async def story() -> None:
        town = await a_town()
        anonymous = Act(Principal("caller:abc", "caller"), "emergency")
        call_id = await town.press(0, who=anonymous)
        by_word = Act(Principal(call_id, "caller"), "service")
        assert "cancel" in (await town.dispatch.call_view(by_word, call_id))["can"]
        await town.dispatch.take_step(by_word, call_id, "cancel", {})
        assert (await town.call(call_id))["state"] == "cancelled"

    run(story())


def test_steps_belong_to_their_side() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        who = resident("A")
        call_id = await town.press(0, who=who)
        helper = await town.accepted(call_id)
        with pytest.raises(NotAllowed):
            await town.dispatch.take_step(who, call_id, "arrive", {})
        with pytest.raises(NotAllowed):
            await town.dispatch.take_step(helper, call_id, "cancel", {})
        with pytest.raises(NotAllowed):
            await town.dispatch.take_step(who, call_id, "acknowledge", {})
        with pytest.raises(NotNow):
            await town.dispatch.take_step(who, call_id, "confirm", {})
        with pytest.raises(BadRequestData):
            await town.dispatch.take_step(who, call_id, "offer", {})
        with pytest.raises(ResourceNotFound):
            await town.dispatch.take_step(who, call_id, "dance", {})
        assert (await town.dispatch.call_view(helper, call_id))["can"] == ["depart", "arrive"]

    run(story())


def test_a_worker_offers_by_hand_with_a_reason_that_stays_beside_the_match() -> None:
    async def story() -> None:
        town = await a_town()
        near = await town.helper("near", 0, 0.6)
        far = await town.helper("far", 0, 0.1)
        who = resident("A")
        call_id = await town.press(0, 0.5, who=who)
        listed = await town.dispatch.candidates(WORKER, call_id)
        assert [name_of(one["helper"]) for one in listed["candidates"]] == ["far"]
        assert listed["excluded"]["busy"] + listed["excluded"]["declined"] == 1
        with pytest.raises(BadRequestData):
            await town.dispatch.take_step(WORKER, call_id, "offer", {"helper": far.who.id})
        await town.dispatch.take_step(WORKER, call_id, "offer", {"helper": far.who.id, "reason": "认识这位老人"})
        await town.dispatch.settled()
        answers = {name_of(one.values["helper"]): one.values["answer"] for one in await town.offers(call_id)}
        assert answers == {"near": "withdrawn", "far": "open"}
        await town.accepted(call_id)
        assert "认识这位老人" in (await town.dispatch.call_view(who, call_id))["whyText"]["zh"]
        with pytest.raises(NotNow):
            await town.dispatch.take_step(WORKER, call_id, "offer", {"helper": near.who.id, "reason": "x"})
        with pytest.raises(NotAllowed):
            await town.dispatch.candidates(who, call_id)

    run(story())


def test_a_false_alarm_is_said_only_by_whoever_met_the_person() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        call_id = await town.press(0)
        helper = await town.accepted(call_id)
        with pytest.raises(NotNow):
            await town.dispatch.take_step(helper, call_id, "falseAlarm", {})
        await town.dispatch.take_step(helper, call_id, "arrive", {})
        await town.dispatch.take_step(helper, call_id, "falseAlarm", {"reason": "按错了"})
        assert (await town.call(call_id))["state"] == "falseAlarm"
        assert (await town.dispatch.helper_view(helper, helper.who.id))["dutyState"] == "ready"

    run(story())


def test_a_worker_of_another_area_cannot_touch_a_call() -> None:
    async def story() -> None:
        town = await a_town()
        call_id = await town.press(0)
        elsewhere = Act(Principal("worker:else", "community_worker", (scope_of_code(CODES[3]),)), "service")
        with pytest.raises(ResourceNotFound):
            await town.dispatch.take_step(elsewhere, call_id, "acknowledge", {})
        assert (await town.dispatch.calls_view(elsewhere))["total"] == 0

    run(story())


def test_lists_show_each_his_own() -> None:
    async def story() -> None:
        town = await a_town()
        await town.helper("H", 0)
        one, two = resident("A"), resident("B")
        first = await town.press(0, who=one)
        second = await town.press(1, who=two)
        assert [call["id"] for call in (await town.dispatch.calls_view(one))["calls"]] == [first]
        listed = await town.dispatch.calls_view(WORKER)
        assert {call["id"] for call in listed["calls"]} == {first, second}
        helper = await town.accepted(first)
        assert [call["id"] for call in (await town.dispatch.calls_view(helper))["calls"]] == [first]
        assert (await town.dispatch.calls_view(WORKER, state="accepted"))["total"] == 1
        assert (await town.dispatch.calls_view(WORKER, limit=1, offset=1))["total"] == 2

    run(story())


def test_only_a_helper_himself_moves_and_changes_his_duty() -> None:
    async def story() -> None:
        town = await a_town()
        helper = await town.helper("H", 0)
        other = await town.helper("O", 0)
        await town.dispatch.settled()
        assert (await town.dispatch.helper_view(helper, helper.who.id))["shift"] is not None
        await town.dispatch.move_helper(helper, helper.who.id, 117.001, 36.001)
        view = await town.dispatch.helper_view(helper, helper.who.id)
        assert view["position"] == {"lon": 117.001, "lat": 36.001}
        with pytest.raises(ResourceNotFound):
            await town.dispatch.move_helper(other, helper.who.id, 117.0, 36.0)
        with pytest.raises(BadRequestData):
            await town.dispatch.set_duty(helper, helper.who.id, "asleep")
        with pytest.raises(ResourceNotFound):
            await town.dispatch.helper_view(other, helper.who.id)

    run(story())


def test_a_call_made_over_ngsi_ld_that_dispatch_cannot_read_stops_nobody() -> None:
    async def story() -> None:
        from linli.base import to_wire_time
        from linli.broker import Draft

        town = await a_town()
        await town.helper("H", 0)
        values = {
            "number": "X", "serviceKind": f"urn:ngsi-ld:ServiceKind:{CARE}", "urgency": 1, "mouth": "seat",
            "receivedAt": to_wire_time(town.clock.now_us()), "homeNode": area_id(0), "state": "received",
            "stateAt": to_wire_time(town.clock.now_us()),
        }  # fmt: skip
        broken = "urn:ngsi-ld:ServiceCall:990101000000:broken"
        await town.broker.write(ENGINE, [Draft(broken, "ServiceCall", values, expect_version=0)])
        call_id = await town.press(0)
        assert (await town.call(call_id))["state"] == "offered"

    run(story())
