"""Every pack, ours or not, obeys the same rules."""

from pathlib import Path

import pytest

from linli.base import snake_key, wire_key
from linli.packs import BUILTIN, Pack, Packs, load_pack, read_urgent_words
from linli.packs._life import STATES
from linli.packs._quality import NOT_GOLD
from linli.packs._scenario import PROOFS
from linli.vocab import vocabulary

FOLDERS = sorted(path.parent for path in BUILTIN.glob("*/pack.toml"))
SILVER = [
    "elder",
    "medicine",
    "education",
    "psychology",
    "legal",
    "gate",
    "housekeeping",
    "government",
    "shopping",
    "parcels",
]
#: area -> the workflows that it has by the plan of the house
WORKFLOWS = {
    "elder": "sos fall daily_ok inactivity visit_plan meal care_visit device ledger",
    "medicine": "contract bp_screen chronic referral drug home_nursing vaccine file_120",
    "education": "enrol attend pickup late course injury holiday",
    "psychology": "hotline crisis booked follow same screen",
    "legal": "advice aid mediate wage notary correction",
    "gate": "entry visitor offline checkpoint declare home_obs seal contacts",
    "housekeeping": "book vet visit price damage plan repair",
    "government": "case multi return callback benefit queue home_proxy supervise",
    "shopping": "group hour phone subst lockdown refund medicine",
    "parcels": "pass drop shelf wrong send assist",
}
PREFIXES = {
    "elder": "elder",
    "medicine": "med",
    "education": "edu",
    "psychology": "psy",
    "legal": "law",
    "gate": "gate",
    "housekeeping": "home",
    "government": "gov",
    "shopping": "shop",
    "parcels": "parcel",
}
WAITING = {
    "elder.ledger": "cases",
    "edu.enrol": "cases",
    "edu.pickup": "gate",
    "edu.holiday": "cases",
    "med.contract": "cases",
    "med.referral": "cases",
    "shop.refund": "cases",
    "home.vet": "cases",
    "home.damage": "cases",
    "gov.case": "cases",
    "gov.multi": "cases",
    "gov.return": "cases",
    "gov.callback": "cases",
    "gov.benefit": "cases",
    "gov.queue": "cases",
    "gov.supervise": "cases",
    "law.aid": "cases",
    "law.mediate": "cases",
    "law.wage": "cases",
    "law.notary": "cases",
    "law.correction": "cases",
    "gate.entry": "gate",
    "gate.visitor": "gate",
    "gate.offline": "gate",
    "gate.checkpoint": "gate",
    "gate.declare": "gate",
    "gate.seal": "cases",
    "gate.contacts": "cases",
    "parcel.pass": "gate",
    "parcel.wrong": "cases",
}
ORDINARY = {
    "elder.care_visit": "carer",
    "shop.hour": "courier",
    "home.book": "housekeeper",
    "shop.medicine": "pharmacist",
}


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def pack(request: pytest.FixtureRequest) -> Pack:
    return load_pack(request.param)


@pytest.fixture(scope="module")
def packs() -> Packs:
    return Packs.load()


def test_what_is_built_in_is_loaded(packs: Packs) -> None:
    assert sorted(packs.packs) == [folder.name for folder in FOLDERS]
    assert {"elder", "housekeeping", "shopping", *SILVER} <= set(packs.packs)


def test_a_pack_says_what_it_lacks_for_the_next_tier(pack: Pack) -> None:
    assert pack.missing
    lacks_for_gold = {*NOT_GOLD, "texts: no third language is whole"}
    assert pack.quality == ("silver" if set(pack.missing) <= lacks_for_gold else "bronze")


@pytest.mark.parametrize("key", WORKFLOWS)
def test_an_area_has_every_workflow_of_the_plan(packs: Packs, key: str) -> None:
    wanted = [f"{PREFIXES[key]}.{word}" for word in WORKFLOWS[key].split()]
    assert sorted(wanted) == sorted([*packs.packs[key].kinds, *packs.packs[key].waiting])


@pytest.mark.parametrize("key", SILVER)
def test_a_pack_that_was_silver_stays_silver(packs: Packs, key: str) -> None:
    assert packs.packs[key].quality == "silver", packs.packs[key].missing


def test_every_kind_can_be_shown_and_understood(pack: Pack) -> None:
    for kind in pack.kinds.values():
        for words in (kind.title, kind.summary):
            assert words["zh"].strip()
            assert words["en"].strip()
        assert len(kind.title["zh"]) <= 8, f"{kind.key}: a title in Chinese fits on a large button"
        assert kind.icon.isidentifier()
        assert kind.words, f"{kind.key}: no sample words"


def test_every_ladder_ends_in_a_person_who_is_called_by_voice(pack: Pack) -> None:
    people = set(vocabulary().roles) - {"device", "vendor", "peer", "caller", "resident"}
    for kind in pack.kinds.values():
        assert kind.ladder[-1].to in people
        assert "voice" in kind.ladder[-1].via
        assert [rung.after_s for rung in kind.ladder] == sorted({rung.after_s for rung in kind.ladder})


def test_ladder_targets_and_callers_are_roles_of_the_closed_list(pack: Pack) -> None:
    roles = set(vocabulary().roles)
    for kind in pack.kinds.values():
        assert {rung.to for rung in kind.ladder} <= roles | {"keyholder", "caller", "node:parent"}
        assert set(kind.callers) <= roles | {"engine"}


def test_every_skill_that_a_kind_needs_has_a_title(packs: Packs) -> None:
    for kind in packs.kinds.values():
        assert set(kind.skills) <= set(packs.skills)
    assert packs.skills["carer"] == {"zh": "居家照护", "en": "Home care"}


@pytest.mark.parametrize(("key", "skill"), ORDINARY.items())
def test_the_four_ordinary_kinds_need_one_skill_and_come_within_the_hour(packs: Packs, key: str, skill: str) -> None:
    kind = packs.kinds[key]
    assert kind.skills == (skill,)
    assert kind.urgency == 1
    assert kind.arrive_within_min == 60
    assert kind.offer_open_min == 2
    assert {"key", "app", "num", "seat"} <= set(kind.channels)
    assert {"resident", "guardian", "caller"} <= set(kind.callers)
    assert [(rung.after_s, rung.to) for rung in kind.ladder] == [
        (600, "community_worker"),
        (1200, "officer"),
        (1800, "seat"),
    ]


def test_a_call_for_life_asks_for_first_aid_and_climbs_within_three_minutes(packs: Packs) -> None:
    sos = packs.kinds["elder.sos"]
    assert (sos.skills, sos.urgency, sos.arrive_within_min, sos.offer_open_min) == (("first_aid",), 3, 15, 1)
    assert [(rung.after_s, rung.to) for rung in sos.ladder] == [
        (0, "seat"),
        (45, "guardian"),
        (60, "helper"),
        (120, "node:parent"),
        (180, "officer"),
    ]


@pytest.mark.parametrize(("key", "engine"), WAITING.items())
def test_kinds_of_engines_that_are_not_here_wait_and_are_not_offered(packs: Packs, key: str, engine: str) -> None:
    assert packs.waiting[key] == engine
    assert key not in packs.kinds


def test_what_residents_find_on_their_page_is_theirs_to_call(packs: Packs) -> None:
    for kind in packs.kinds.values():
        if {"app", "key"} & set(kind.channels):
            assert {"resident", "guardian"} & set(kind.callers), f"{kind.key} would stand on the residents' page"


def test_a_menu_digit_leads_to_one_kind(packs: Packs) -> None:
    shorts = [kind.short for kind in packs.kinds.values() if kind.short]
    assert len(set(shorts)) == len(shorts)


@pytest.mark.parametrize("key", [*ORDINARY, "elder.sos"])
def test_the_kinds_of_the_demo_have_scenarios_for_every_course(packs: Packs, key: str) -> None:
    files = [one for pack in packs.packs.values() for one in pack.scenarios if one.call == key]
    assert {story.proves for one in files for story in one.scenario} == set(PROOFS)


def test_the_words_of_life_make_any_call_urgent() -> None:
    words = read_urgent_words()
    assert words["救命"] == words["着火"] == words["胸口疼"] == words["摔倒"] == words["help me"] == 3
    assert words["很急"] == words["紧急"] == words["urgent"] == 2
    for word, level in words.items():
        inside = [other for other in words if other in word and words[other] > level]
        assert not inside, f"{word}: {inside} would overrule it"


def test_packs_and_the_vocabulary_speak_of_the_same_states() -> None:
    states = vocabulary().lists["call_state"].codes
    assert {wire_key(state) for state in STATES} == set(states)
    assert {snake_key(state) for state in states} == STATES


def test_a_pack_that_is_off_offers_nothing(packs: Packs) -> None:
    without = Packs.load(off=["elder"])
    assert set(packs.kinds) - set(without.kinds) == {key for key in packs.kinds if key.startswith("elder.")}


def test_packs_of_others_are_read_beside_the_built_in_ones(tmp_path: Path) -> None:
    folder = tmp_path / "garden"
    folder.mkdir()
    text = (BUILTIN / "housekeeping" / "pack.toml").read_text("utf-8")
    text = (
        text.replace('key = "housekeeping"', 'key = "garden"')
        .replace('"home.', '"garden.')
        .replace(".home.", ".garden.")
    )
    text = "\n".join(line for line in text.splitlines() if not line.startswith("short = "))
    (folder / "pack.toml").write_text(text, "utf-8")
    assert {"elder", "garden"} <= set(Packs.load([tmp_path]).packs)
    assert set(Packs.load([tmp_path], builtin=False).packs) == {"garden"}
