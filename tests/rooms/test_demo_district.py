"""The made-up district: counts, ids, the vocabulary, names and numbers that cannot be real, the same again by seed."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.base import say, within_scope, write_json
from linli.base.errors import BadSetting
from linli.demo import District, Scenario, made_up_network
from linli.demo._draws import draws, fixed_ulid
from linli.demo._loading import _batches
from linli.demo._names import SURNAMES
from linli.demo._presses import URGENT_TEXT, course, presses
from linli.demo._streets import made_up_streets
from linli.demo._territory import HOME_SCOPE, Territory
from linli.travel import Network, Street
from linli.vocab import vocabulary

START_US = 1_772_409_600_000_000
NOT_ATTRIBUTES = {"id", "type", "scope"}
NETWORK = made_up_network(1)
RESIDENTS = 4_000


@pytest.fixture(scope="module")
def district() -> District:
    return District(Scenario.load("normal"), NETWORK, seed=7, residents=RESIDENTS)


@pytest.fixture(scope="module")
def entities(district) -> list[dict]:
    return list(district.entities(START_US))


def of_type(entities, name):
    return [one for one in entities if one["type"] == name]


def test_every_entity_obeys_the_vocabulary(entities):
    vocab = vocabulary()
    for one in entities:
        attributes = {name: value for name, value in one.items() if name not in NOT_ATTRIBUTES}
        assert vocab.check(one["type"], attributes) == []


def test_ids_are_unique_and_name_their_type(entities):
    assert len({one["id"] for one in entities}) == len(entities)
    assert all(one["id"].startswith(f"urn:ngsi-ld:{one['type']}:99") for one in entities)


def test_there_are_as_many_residents_and_helpers_as_asked_for(district, entities):
    counts = Counter(one["type"] for one in entities)
    assert counts["Resident"] == RESIDENTS
    assert counts["Helper"] == counts["Shift"] == 220 + 3
    assert counts["Dwelling"] == counts["Household"]
    levels = Counter(one["areaLevel"]["vocab"] for one in of_type(entities, "Area"))
    assert levels == {"city": 1, "district": 1, "street": 4, "community": 16, "grid": 64}
    assert {"Building", "Gate", "Place", "Provider"} <= set(counts)


def test_every_relation_leads_to_an_entity_of_the_district(entities):
    ids = {one["id"] for one in entities}
    for one in entities:
        for value in one.values():
            if isinstance(value, dict) and value.get("type") == "Relationship":
                targets = value["object"] if isinstance(value["object"], list) else [value["object"]]
                assert all(target in ids or ":ServiceKind:" in target for target in targets)


def test_everything_lies_in_the_unused_province_and_homes_stop_at_the_grid(entities):
    for one in entities:
        scope = one["scope"][0]
        assert within_scope(scope, "/cn/r99/r9901")
        if one["type"] not in ("Area", "Provider"):
            assert within_scope(scope, HOME_SCOPE)
        assert scope.count("/") <= 7


def test_no_telephone_and_no_name_could_belong_to_anybody(entities):
    people = of_type(entities, "Resident") + of_type(entities, "Helper")
    for one in people:
        assert one["fullName"]["value"].startswith(SURNAMES)
        if "telephone" in one:
            number = one["telephone"]["value"]
            assert number.startswith("000")
            assert len(number) == 11
    assert not any("idNumber" in one for one in people)


def test_ages_and_households_are_those_of_a_chinese_city():
    district = District(Scenario.load("normal"), NETWORK, seed=3, residents=20_000)
    bands: Counter[str] = Counter()
    households = alone = 0
    for one in district.entities(START_US):
        bands[one.get("ageBand", {}).get("vocab")] += one["type"] == "Resident"
        households += one["type"] == "Household"
        alone += "livesAlone" in one
    assert 0.17 < (bands["a60to79"] + bands["a80up"]) / 20_000 < 0.24
    assert 0.13 < bands["u14"] / 20_000 < 0.20
    assert 2.3 < 20_000 / households < 2.7
    assert 0.02 < alone / 20_000 < 0.06


def test_the_same_seed_makes_the_same_district_and_another_seed_another(district):
    def some(one):
        return [write_json(entity) for entity in itertools.islice(one.entities(START_US), 900)]

    again = District(district.scenario, made_up_network(1), seed=7, residents=RESIDENTS)
    other = District(district.scenario, NETWORK, seed=8, residents=RESIDENTS)
    assert some(again) == some(district)
    assert some(other) != some(district)
    assert again.mark == district.mark != other.mark


def test_homes_stand_near_a_street(district, entities):
    for one in of_type(entities, "Building"):
        assert NETWORK.snap(*one["location"]["value"]["coordinates"], "walk").distance_m < 300


def test_helpers_stand_on_junctions_of_their_community_and_only_those_by_hand_are_off_duty(district, entities):
    for plan, one in zip(district.helpers, of_type(entities, "Helper"), strict=True):
        west, south, east, north = plan.community.box
        assert west - 1e-6 <= plan.place.lon <= east + 1e-6
        assert south - 1e-6 <= plan.place.lat <= north + 1e-6
        assert one["dutyState"]["vocab"] == ("off" if plan.by_hand else "ready")
        assert NETWORK.snap(*plan.place, "ebike").distance_m < 1


def test_skills_have_the_shares_of_the_scenario():
    scenario = Scenario.load("normal").changed(helpers=4_000)
    helpers = District(scenario, NETWORK, seed=5, residents=0).helpers[:4_000]
    first = Counter(one.skills[0] for one in helpers)
    for skill in scenario.skill:
        assert abs(first[skill.key] / 4_000 - skill.share) < 0.03
    further = sum(len(set(one.skills) - {"first_aid"}) - 1 for one in helpers)
    assert abs(further / 4_000 - 3 * 0.15) < 0.04


def test_the_district_itself_is_written_last_and_says_what_it_is(district, entities):
    last = entities[-1]
    assert last["areaLevel"]["vocab"] == "district"
    assert {"system": "linli.demo.mark", "id": district.mark} in last["externalId"]["json"]


def test_every_entity_goes_in_for_one_purpose_or_another(entities):
    sent = {one["id"] for batch in _batches(iter(entities)) for one in batch.entities}
    assert sent == {one["id"] for one in entities}


def test_offered_people_exist_or_stand_for_an_area(district, entities):
    ids = {one["id"] for one in entities}
    people = district.people()
    assert [one.role for one in people].count("resident") == 3
    assert [one.role for one in people].count("helper") == 3
    roles = [one.role for one in people]
    assert {"community_worker", "city_official", "guard", "clerk", "seat", "guardian", "auditor"} <= set(roles)
    assert (
        len(set(roles)) == 17
    )  # of the closed list all but those that are no people's, and a courier, who is a helper
    for one in people:
        assert one.id in ids or one.id.split(":", 1)[1] in ids
        assert one.area in ids
        assert one.text["zh"]
        assert one.text["en"]


# scenarios and calls


def test_the_two_loads_differ_in_the_number_of_helpers_only():
    normal, peak = Scenario.load("normal"), Scenario.load("peak")
    assert (normal.helpers.count, peak.helpers.count) == (220, 170)
    assert normal.box == peak.box
    assert normal.calls == peak.calls
    assert normal.skill == peak.skill
    assert normal.service == peak.service
    assert (normal.calls.count, normal.calls.hours, normal.calls.urgent_share) == (1500, 4, 0.1)
    assert [one.share for one in normal.skill] == [0.4, 0.3, 0.2, 0.1]
    assert normal.reported_seeds == (101, 120)


def test_a_changed_load_no_longer_bears_the_name_alone():
    normal = Scenario.load("normal")
    assert normal.changed(calls=1500, hours=4.0) is normal
    assert normal.changed(calls=10).key != "normal"
    assert normal.changed(calls=10).calls.count == 10


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("share = 0.4", "share = 0.5", "add up to 1"),
        ("count = 220", 'count = "many"', "$.helpers.count"),
        ("urgent_share = 0.10", "urgent_share = 1.5", "between 0 and 1"),
        ("max_min = 35", "max_min = 5", "min_min"),
        ("hours = 4", "hours = 0", "hours"),
        ("columns = 4", "columns = 0", "column"),
        ("schema = 1", "schema = 2", "schema"),
        ("schema = 1", "schema = 1\nmood = 3", "mood"),
        ('mode = "ebike"', 'mode = "rocket"', "$.helpers.mode"),
        ("[box]", "[box", "at line"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_place_of_the_mistake(tmp_path, old, new, place):
    text = resources.files("linli.demo").joinpath("scenarios/normal.toml").read_text("utf-8")
    assert old in text
    file = tmp_path / "mine.toml"
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(BadSetting) as caught:
        Scenario.load(str(file))
    assert place in caught.value.message
    assert str(file) in caught.value.message


def test_a_scenario_that_is_not_there_is_named():
    with pytest.raises(BadSetting, match="nowhere"):
        Scenario.load("nowhere.toml")


def test_calls_are_even_over_the_hours_and_uneven_over_the_communities(district):
    calls = district.presses
    assert len(calls) == 1500
    assert [one.after_us for one in calls] == sorted(one.after_us for one in calls)
    assert sorted(one.index for one in calls) == list(range(1500))
    quarters = Counter(one.after_us // (3600 * 10**6) for one in calls)
    assert set(quarters) == {0, 1, 2, 3}
    assert min(quarters.values()) > 300
    communities = Counter(one.community for one in calls)
    assert max(communities.values()) > 2 * 1500 / 16
    assert 100 < sum(one.urgent for one in calls) < 200
    assert {one.text for one in calls} == {None, URGENT_TEXT}


def test_each_call_of_a_community_comes_from_another_household(district):
    busiest, count = Counter(one.community for one in district.presses).most_common(1)[0]
    turns = [one.turn for one in district.presses if one.community == busiest]
    assert turns == list(range(count))
    callers = district.callers(busiest, 60)
    assert len(set(callers)) == 60
    assert not set(callers) & district.by_hand


@given(seed=st.integers(0, 10**9), key=st.one_of(st.integers(0, 10**6), st.text(max_size=40)))
def test_the_course_of_a_visit_depends_on_seed_and_call_only_and_stays_in_its_limits(seed, key):
    scenario = Scenario.load("normal")
    one = course(scenario, seed, key)
    assert one == course(scenario, seed, key)
    assert 15 * 60 * 10**6 <= one.service_us <= 35 * 60 * 10**6
    assert one.stars in (None, 1, 2, 3, 4, 5)


@given(seed=st.integers(0, 10**9), a=st.text(max_size=20), b=st.text(max_size=20))
def test_topics_do_not_run_into_each_other(seed, a, b):
    assert (fixed_ulid(seed, a, b) == fixed_ulid(seed, b, a)) == (a == b)
    assert len(fixed_ulid(seed, a)) == 26
    assert draws(seed, a).random() == draws(seed, a).random()


# the ground


def test_the_made_up_city_hangs_together_and_has_all_classes_of_streets():
    network = made_up_network(2)
    assert 2_500 < network.junctions < 6_000
    for mode in ("walk", "ebike", "drive"):
        assert len(network.main_junctions(mode)) > 0.97 * network.junctions
    kinds = Counter(street.kind for street in made_up_streets(2))
    assert set(kinds) == {"primary", "secondary", "tertiary", "residential", "living_street"}
    assert any(street.oneway for street in made_up_streets(2))
    west, south, east, north = network.box
    assert 0.11 < east - west < 0.13
    assert 0.11 < north - south < 0.13


def test_the_same_seed_makes_the_same_city():
    assert made_up_network(3).digest == made_up_network(3).digest != made_up_network(4).digest


def _ladder(lon, lat, size_deg, steps):
    """A square mesh of streets with its south-west corner at lon, lat."""
    at = [round(size_deg * i / steps, 7) for i in range(steps + 1)]
    lines = [[(round(lon + x, 7), round(lat + y, 7)) for x in at] for y in at]
    return [Street(line) for line in lines] + [Street(list(line)) for line in zip(*lines, strict=True)]


def test_the_box_lies_at_its_centre_where_the_map_holds_it():
    network = Network.from_streets(_ladder(116.9, 36.5, 0.3, 60))
    west, south, east, north = Territory(network, Scenario.load("normal").box).box
    assert ((west + east) / 2, (south + north) / 2) == pytest.approx((117.02, 36.66))
    assert (east - west, north - south) == pytest.approx((0.12, 0.12))


def test_elsewhere_the_box_lies_over_the_densest_part_and_is_smaller_on_a_smaller_map():
    joined = Street([(10.0, 50.0), (10.5, 50.0)])
    dense = _ladder(10.3, 50.0, 0.1, 40)
    network = Network.from_streets([joined, *_ladder(10.0, 50.0, 0.2, 8), *dense])
    west, south, east, north = Territory(network, Scenario.load("normal").box).box
    assert east - west == pytest.approx(0.12)
    assert west < 10.32
    assert east > 10.38
    assert north - south <= 0.12


def test_a_community_without_a_street_has_no_homes_and_no_calls():
    corner = _ladder(10.0, 50.0, 0.05, 10)
    far = [Street([(10.05, 50.05), (10.12, 50.12)])]
    network = Network.from_streets(corner + far)
    scenario = Scenario.load("normal").changed(calls=60, helpers=5)
    district = District(scenario, network, seed=1, residents=300)
    empty = set(district.territory.communities) - set(district.territory.settled)
    assert empty
    assert not {one.community for one in presses(scenario, district.territory, 1)} & {one.index for one in empty}
    residents = [one for one in district.entities(START_US) if one["type"] == "Resident"]
    assert len(residents) == 300


@settings(max_examples=15, deadline=None)
@given(residents=st.integers(0, 60), seed=st.integers(0, 50))
def test_any_number_of_residents_is_met_exactly(residents, seed):
    district = District(Scenario.load("peak").changed(helpers=2), NETWORK, seed=seed, residents=residents)
    counts = Counter(one["type"] for one in district.entities(START_US))
    assert counts["Resident"] == residents
    assert counts["Helper"] == 2 + 3


def test_some_agreed_some_took_it_back_and_nobody_for_a_child_but_who_acts_for_it(entities):
    people = {one["id"]: one for one in of_type(entities, "Resident")}
    consents, delegations = of_type(entities, "Consent"), of_type(entities, "Delegation")
    bands = {one["subject"]["object"]: people[one["subject"]["object"]]["ageBand"]["vocab"] for one in consents}
    acting = {one["forWhom"]["object"]: one["principal"]["object"] for one in delegations}
    for one in consents:
        guardian = one.get("guardian", {}).get("object")
        assert (bands[one["subject"]["object"]] == "u14") == (guardian is not None)
        assert guardian in (None, acting.get(one["subject"]["object"]))
    withdrawn = [one for one in consents if "withdrawnAt" in one]
    assert 0 < len(withdrawn) < len(consents) / 8
    given = {(one["subject"]["object"], one["purpose"]["vocab"]) for one in consents}
    assert all((one["subject"]["object"], one["purpose"]["vocab"]) in given for one in withdrawn)
    elders = [one["id"] for one in people.values() if one["ageBand"]["vocab"] in ("a60to79", "a80up")]
    for_care = sum((one, "care") in given for one in elders)
    assert 0.7 < for_care / len(elders) < 0.95
    assert {"guardian", "family"} == {one["kind"]["vocab"] for one in delegations}
    assert len({one["forWhom"]["object"] for one in delegations}) == len(delegations)


def test_a_made_up_consent_holds_the_very_words_that_the_page_shows(entities):
    shown = hashlib.sha256(
        say("face.my-data.text.contract", "zh", purpose=vocabulary().lists["purpose"].codes["care"]["zh"]).encode()
    ).hexdigest()
    assert {one["textHash"]["value"] for one in of_type(entities, "Consent") if one["purpose"]["vocab"] == "care"} == {
        shown
    }
