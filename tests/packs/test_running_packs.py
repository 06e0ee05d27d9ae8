"""Packs of a running node: versions, areas with other figures, hot reload, what recurs, and what the desk does."""

import asyncio
import shutil
import tomllib
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from test_broken_packs import GOOD, Tree, a_pack, changed

from linli.base import SECOND_US, Ids, WorkTime, seeded, to_wire_time
from linli.base.errors import BadPack, NotNow, UnknownKind
from linli.broker import Draft
from linli.dispatch import Dispatch
from linli.packs import BUILTIN, Catalogue, Packs, Planner, hear, simulate
from linli.packs._kept import Kept
from linli.packs._recurring import next_due_us
from linli.packs._stage import AREA, ENGINE, LAT, LON, SCOPE, START_US, WORKER, MadeUp, Stage
from linli.trust import NodeSecret, Policies

HOUR_US = 3600 * SECOND_US


def a_desk_call(tree: Tree) -> None:
    call = tree["call"][0]
    call |= {
        "key": "trial.ask",
        "by": "desk",
        "skills": [],
        "done_within": "4 wh",
        "calendar": "work",
        "words": ["ask"],
    }
    del call["arrive_within_min"], call["extra_states"]
    tree |= {"plan": [], "alarm": [], "kpi": [], "skill": []}
    tree["law"] = [{"of": of, "source": "(proposal)"} for of in ("trial.ask.done_within", "ladder.plain")]


def packs_of(tmp_path: Path, tree: Tree, **more: Any) -> Packs:
    (tmp_path / "packs").mkdir(exist_ok=True)
    a_pack(tmp_path / "packs", tree)
    return Packs.load([tmp_path / "packs"], builtin=False, **more)


def told(packs: Packs, story: Callable[[Stage], Awaitable[None]], *helpers: MadeUp) -> None:
    async def run() -> None:
        await story(await Stage.set_up(packs, helpers))

    asyncio.run(run())


def test_what_the_desk_does_is_taken_and_finished_by_it_and_nobody_travels(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        call_id = await stage.press("trial.ask")
        call = await stage.call(call_id)
        assert (call["state"], "dueArrive" in call, call.get("shortage")) == ("triaged", False, None)
        # Monday nine o'clock, four working hours: over noon, to 14:30
        assert call["dueDone"] == "2026-03-02T06:30:00Z"
        assert call["dueRule"] == {"limit": "4 wh", "provisional": False}
        with pytest.raises(NotNow):
            await stage.step(WORKER, call_id, "depart")
        await stage.step(WORKER, call_id, "take")
        await stage.go_to(START_US + 2 * HOUR_US)
        assert (await stage.call(call_id)).get("escalationLevel", 0) == 0
        await stage.step(WORKER, call_id, "finish")
        assert (await stage.call(call_id))["state"] == "done"

    told(packs_of(tmp_path, changed(a_desk_call)), story, MadeUp("idle", 3, ("visitor",)))


def test_what_the_desk_leaves_lying_climbs_its_ladder_and_is_late_when_its_working_hours_are_over(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        call_id = await stage.press("trial.ask")
        await stage.go_to(START_US + 3 * HOUR_US)
        rows = (await stage.call(call_id))["timeline"]
        assert [row["to"] for row in rows if row["what"] == "escalated"] == ["community_worker", "officer"]
        assert not any(row["what"] == "late" for row in rows)
        await stage.step(WORKER, call_id, "take")
        await stage.go_to(START_US + 6 * HOUR_US)
        late = [row["at"] for row in (await stage.call(call_id))["timeline"] if row["what"] == "late"]
        assert late == ["2026-03-02T06:30:00Z"]

    told(packs_of(tmp_path, changed(a_desk_call)), story)


def test_a_deadline_is_counted_anew_after_a_start_when_the_calendar_has_changed(tmp_path: Path) -> None:
    holiday = WorkTime(off=frozenset({date(2026, 3, 2)}))
    tree = changed(a_desk_call)

    async def story(stage: Stage) -> None:
        call_id = await stage.press("trial.ask")
        assert (await stage.call(call_id))["dueDone"] == "2026-03-02T06:30:00Z"
        later = packs_of(tmp_path, tree, work=holiday)
        broker, clock = stage.broker, stage.clock
        ids = Ids("990101", seeded(8))
        anew = Dispatch(broker, Policies(clock), None, later, clock, ids, NodeSecret(None), home_scope=SCOPE)
        await anew.run_due()
        # Tuesday from half past eight on: over noon, to 14:00
        assert (await stage.call(call_id))["dueDone"] == "2026-03-03T06:00:00Z"
        while (due := await anew.next_due_us()) is not None and due <= START_US + 8 * HOUR_US:
            clock.advance_to(due)
            await anew.run_due()
        assert not any(row["what"] == "late" for row in (await stage.call(call_id))["timeline"])

    told(packs_of(tmp_path, tree), story)


def test_a_running_call_keeps_the_figures_it_began_with(tmp_path: Path) -> None:
    packs = packs_of(tmp_path, GOOD)
    first = packs.kinds["trial.walk"].pack_version

    async def story(stage: Stage) -> None:
        before = await stage.press("trial.walk", key="before")
        slower = changed(lambda tree: tree["ladder"][0]["step"][1].update(after_s=7200))
        assert packs.take(packs_of(tmp_path, slower)) == ["trial.walk"]
        after = await stage.press("trial.walk", key="after")
        versions = [(await stage.call(one))["packVersion"] for one in (before, after)]
        assert versions == [first, packs.kinds["trial.walk"].pack_version]
        assert first != versions[1]
        await stage.go_to(START_US + HOUR_US - SECOND_US)
        levels = [(await stage.call(one))["escalationLevel"] for one in (before, after)]
        assert levels == [2, 1]

    told(packs, story)


def test_an_exact_version_outlives_the_process_that_offered_it(tmp_path: Path) -> None:
    packs = packs_of(tmp_path, GOOD)
    old = packs.kinds["trial.walk"]
    packs.keep_in(Kept(tmp_path / "kept", WorkTime()))
    later = packs_of(tmp_path, changed(lambda tree: tree["call"][0].update(arrive_within_min=30)))
    later.keep_in(Kept(tmp_path / "kept", WorkTime()))
    assert later.kinds["trial.walk"].arrive_within_min == 30
    assert later.kind("trial.walk", version=old.pack_version) == old
    assert later.kind("trial.walk", version="0.9.0+00000000") == later.kinds["trial.walk"]
    assert Kept(tmp_path / "kept", WorkTime()).forget_others({("trial.walk", old.pack_version)}) == 1
    assert packs_of(tmp_path, GOOD).kind("trial.walk", version=old.pack_version) == old


def test_an_area_can_have_other_figures_and_a_call_off(tmp_path: Path) -> None:
    file = tmp_path / "areas.toml"
    file.write_text(
        'schema = 1\n[[area]]\nscope = "/cn/r99"\n[area.figures]\n"trial.walk.arrive_within_min" = 20\n'
        '"trial.walk.service_min" = 9\n[[area]]\nscope = "/cn/r99/r9901"\n[area.figures]\n'
        '"trial.walk.arrive_within_min" = 10\n[[area]]\nscope = "/cn/r98"\noff = ["trial"]\n',
        "utf-8",
    )
    packs = packs_of(tmp_path, GOOD, overrides=file)

    def figures(*scopes: str) -> Any:
        kind = packs.kind("trial.walk", scopes=scopes)
        return kind and (kind.arrive_within_min, kind.service_min)

    assert figures("/cn/r97") == (60, 25)
    assert figures("/cn/r99/r9902") == (20, 9)
    assert figures("/cn/r99/r9901/r990101") == (10, 9)
    assert figures("/cn/r98/r9801") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('off = ["trial.run"]', "off: there is no trial.run."),
        ('figures = {"trial.walk.urgency" = 3}', "trial.walk.urgency: only answer_within_min,"),
        ('figures = {"trial.run.service_min" = 3}', "trial.run.service_min: there is no call trial.run."),
        ('figures = {"trial.walk.arrive_within_min" = 0}', "trial.walk.arrive_within_min: expected float > 0."),
        ('figures = {"trial.walk.done_within" = "soon"}', "trial.walk.done_within: a number and min,"),
    ],
)
def test_what_cannot_be_otherwise_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "areas.toml"
    file.write_text(f'schema = 1\n[[area]]\nscope = "/cn/r99"\n{text}\n', "utf-8")
    with pytest.raises(BadPack) as caught:
        packs_of(tmp_path, GOOD, overrides=file)
    assert caught.value.message.startswith("packs.overrides: area")
    assert message in caught.value.message


def test_a_changed_file_is_taken_up_and_a_wrong_one_is_refused_whole(tmp_path: Path) -> None:
    packs = packs_of(tmp_path, GOOD)

    async def story(stage: Stage) -> None:
        catalogue = Catalogue(packs, stage.broker, ENGINE, SCOPE, tmp_path / "kept", None)
        await catalogue.publish()
        await catalogue.look()
        assert packs.kinds["trial.walk"].arrive_within_min == 60
        a_pack(tmp_path / "packs", changed(lambda tree: tree["call"][0].update(arrive_within_min=45)))
        await catalogue.look()
        assert packs.kinds["trial.walk"].arrive_within_min == 45
        (kind,) = await stage.broker.read_all(ENGINE, "ServiceKind")
        assert kind.values["arriveWithin"] == 45
        a_pack(tmp_path / "packs", changed(lambda tree: tree["call"][0].update(arrive_within_min=-5)))
        await catalogue.look()
        assert packs.kinds["trial.walk"].arrive_within_min == 45
        assert catalogue.trouble == "trial/pack.toml:10: call[0].arrive_within_min: expected float > 0.0."
        with pytest.raises(BadPack, match="arrive_within_min"):
            await catalogue.reload()
        a_pack(tmp_path / "packs", changed(lambda tree: tree["call"][0].update(arrive_within_min=50)))
        assert await catalogue.reload() == ["trial.walk"]
        assert (packs.kinds["trial.walk"].arrive_within_min, catalogue.trouble) == (50, "")

    told(packs, story)


def test_a_call_that_waits_for_its_engine_is_answered_with_the_way_out(tmp_path: Path) -> None:
    packs = Packs.load()

    async def story(stage: Stage) -> None:
        with pytest.raises(UnknownKind, match=r"waits for the engine cases.*Ask the seat on duty"):
            await stage.press("elder.ledger")

    told(packs, story)
    heard = hear(packs, "想申请补贴", "zh")
    assert heard.call == "elder.ledger"
    assert "请联系值班坐席" in heard.answer


def test_a_cry_for_help_is_understood_as_urgent_whatever_it_is_about() -> None:
    packs = Packs.load()
    assert hear(packs, "救命，我摔倒了起不来", "zh").call == "elder.sos"
    assert hear(packs, "救命", "en").urgency == 3
    assert hear(packs, "二楼着火了", "zh").urgency == 3
    lost = hear(packs, "今天天气真好", "zh")
    assert (lost.call, lost.urgency) == ("", 0)


def a_resident(name: str, *, checked: bool) -> Draft:
    values = {
        "ageBand": "a60to79",
        "homeArea": AREA,
        "dailyCheck": checked,
        "location": {"type": "Point", "coordinates": [LON, LAT]},
    }
    return Draft(f"urn:ngsi-ld:Resident:990101000000:{name}", "Resident", values, scopes=(SCOPE,))


def test_a_plan_places_a_call_for_everybody_it_means_once_an_occurrence(tmp_path: Path) -> None:
    def change(tree: Tree) -> None:
        query = {"type": "Resident", "q": "dailyCheck==true"}
        tree["plan"] = [{"every": "FREQ=DAILY;BYHOUR=9", "for": query, "makes": "trial.walk", "grace": "PT30M"}]

    packs = packs_of(tmp_path, changed(change))

    async def story(stage: Stage) -> None:
        await stage.broker.write(ENGINE, [a_resident("meant", checked=True), a_resident("other", checked=False)])
        planner = Planner(packs, stage.broker, stage.dispatch, stage.clock, "Asia/Shanghai")
        await planner.start()
        assert await stage.dispatch.next_due_us() == START_US + HOUR_US // 2
        await stage.go_to(START_US + HOUR_US)
        await planner.settled()
        (call,) = await stage.broker.read_all(ENGINE, "ServiceCall")
        assert call.values["forWhom"] == "urn:ngsi-ld:Resident:990101000000:meant"
        assert (call.values["mouth"], call.values["receivedAt"]) == ("plan", to_wire_time(START_US + HOUR_US))
        again = Planner(packs, stage.broker, stage.dispatch, stage.clock, "Asia/Shanghai")
        again._seq = 0  # everything in the log once more, as after a crash before the cursor was written
        await again.turn()
        assert len(await stage.broker.read_all(ENGINE, "ServiceCall")) == 1
        await stage.step(WORKER, call.id, "cancel")
        await stage.go_to(START_US + 25 * HOUR_US)
        await planner.settled()
        assert len(await stage.broker.read_all(ENGINE, "ServiceCall")) == 2
        await planner.stop()

    told(packs, story)


def test_a_plan_for_what_is_about_a_person_places_one_call_for_him_while_it_holds(tmp_path: Path) -> None:
    def change(tree: Tree) -> None:
        query = {"type": "Label", "q": "label==recovering"}
        tree["plan"] = [{"every": "FREQ=DAILY;BYHOUR=10", "for": query, "makes": "trial.walk"}]

    packs = packs_of(tmp_path, changed(change))

    def a_label(name: str, label: str) -> Draft:
        values = {
            "subject": "urn:ngsi-ld:Resident:990101000000:meant",
            "label": label,
            "since": "2026-03-01",
            "until": "2026-03-31",
            "setBy": "urn:ngsi-ld:Helper:990101000000:worker",
            "basis": "a letter of the hospital",
        }
        return Draft(f"urn:ngsi-ld:Label:990101000000:{name}", "Label", values, scopes=(SCOPE,))

    async def story(stage: Stage) -> None:
        labels = [a_label("first", "recovering"), a_label("second", "recovering"), a_label("third", "pregnant")]
        await stage.broker.write(ENGINE, [a_resident("meant", checked=False), *labels])
        planner = Planner(packs, stage.broker, stage.dispatch, stage.clock, "Asia/Shanghai")
        await planner.start()
        await stage.go_to(START_US + HOUR_US)
        await planner.settled()
        (call,) = await stage.broker.read_all(ENGINE, "ServiceCall")
        assert (call.values["caller"], call.values["forWhom"]) == (labels[0].values["subject"],) * 2
        await stage.step(WORKER, call.id, "cancel")
        await stage.broker.write(ENGINE, [a_label("first", "pregnant"), a_label("second", "pregnant")])
        await stage.go_to(START_US + 25 * HOUR_US)
        await planner.settled()
        assert len(await stage.broker.read_all(ENGINE, "ServiceCall")) == 1
        await planner.stop()

    told(packs, story)


@pytest.mark.parametrize(
    ("every", "work", "after", "due"),
    [
        ("FREQ=DAILY;BYHOUR=9", False, "2026-10-01 08:00", "2026-10-01 09:00"),
        ("FREQ=DAILY;BYHOUR=9", True, "2026-09-30 10:00", "2026-10-08 09:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=5;BYHOUR=10", True, "2026-10-01 08:00", "2026-10-08 10:00"),
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=8;BYMINUTE=15", False, "2026-11-23 08:15", "2026-11-30 08:15"),
        ("", True, "2026-11-20 09:00", "2026-11-23 08:30"),
        ("FREQ=HOURLY", False, "2026-11-20 09:30", "2026-11-20 10:00"),
    ],
)
def test_what_recurs_falls_due_on_the_clock_of_the_people_here(every: str, work: bool, after: str, due: str) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    after_us = int(datetime.fromisoformat(after).replace(tzinfo=zone).timestamp()) * SECOND_US
    found = next_due_us(every, after_us, zone="Asia/Shanghai", work=WorkTime() if work else None)
    assert found is not None
    assert datetime.fromtimestamp(found / SECOND_US, zone).strftime("%Y-%m-%d %H:%M") == due


def test_a_simulation_is_the_same_again_and_changes_with_a_figure(tmp_path: Path) -> None:
    folder = tmp_path / "packs" / "shopping"
    shutil.copytree(BUILTIN / "shopping", folder)
    text = (folder / "pack.toml").read_text("utf-8")
    assert tomllib.loads(text)["call"][0]["key"] == "shop.hour"

    def found() -> Any:
        packs = Packs.load([tmp_path / "packs"], builtin=False)
        pack = packs.packs["shopping"]
        return asyncio.run(simulate(packs, pack, calls=4, seed=3)).outcomes

    first = found()
    assert first == found()
    assert all(one.closed == one.calls == 4 and one.climbed >= 1 for one in first)
    assert first[0].arrived_in_time == 1.0
    (folder / "pack.toml").write_text(text.replace("arrive_within_min = 60", "arrive_within_min = 1", 1), "utf-8")
    assert found()[0].arrived_in_time < 0.5
