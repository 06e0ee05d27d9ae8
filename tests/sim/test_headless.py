"""The whole job by the command line: the same again by seed, nothing lost after kill -9, all through the public doors."""

from __future__ import annotations

from pathlib import Path

import pytest
from headless import ENDED, SMALL, book_of, run, run_until_pressed, without_wall

from linli.base import write_json

CALLS = 30
CITIES = ("osm-small/Helsinki.osm.pbf", "osm-small/bayfront_singapore.osm.pbf")

#: what a person or a device does; nothing else may change with the number of calls
DEEDS = {
    "POST /api/calls": "pressed",
    "POST /api/offers/{id}/accept": "accepted",
    "POST /api/calls/{id}/depart": "departed",
    "POST /api/calls/{id}/arrive": "arrived",
    "POST /api/calls/{id}/finish": "finished",
    "POST /api/calls/{id}/confirm": "confirmed",
}


@pytest.mark.slow
def test_two_runs_with_one_seed_give_the_same_summary_to_the_byte() -> None:
    one = run(*SMALL, "--calls", CALLS, "--seed", 3, PYTHONHASHSEED="1")
    two = run(*SMALL, "--calls", CALLS, "--seed", 3, PYTHONHASHSEED="2")
    assert one["run_wall_ms"] > 0
    assert write_json(without_wall(one), pretty=True) == write_json(without_wall(two), pretty=True)
    assert without_wall(run(*SMALL, "--calls", CALLS, "--seed", 4))["waitP50Min"] != one["waitP50Min"]


@pytest.mark.slow
def test_a_run_that_is_killed_at_half_time_and_started_again_ends_with_nothing_lost(tmp_path: Path) -> None:
    words = (*SMALL, "--calls", CALLS, "--seed", 5, "--data", tmp_path)
    assert run_until_pressed(CALLS // 2, *words) == -9
    half = book_of(tmp_path / "seed-5")
    summary = run(*words)
    whole = book_of(tmp_path / "seed-5")
    assert CALLS // 2 <= half.states.total() < CALLS
    assert any(state not in ENDED for state in half.states)
    _nothing_is_lost(summary, whole, CALLS)
    assert {row.entity_id for row in half.made("ServiceCall")} < {row.entity_id for row in whole.made("ServiceCall")}


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("city", CITIES)
def test_a_real_city_finishes_with_nothing_lost(city: str, shared_maps: Path, tmp_path: Path) -> None:
    words = (*SMALL, "--residents", 1300, "--calls", CALLS, "--city", shared_maps / city, "--data", tmp_path)
    summary = run(*words)
    _nothing_is_lost(summary, book_of(tmp_path / "seed-1"), CALLS)
    assert summary["served"]["n"] == CALLS


@pytest.mark.slow
def test_all_that_people_did_went_through_the_public_doors(tmp_path: Path) -> None:
    summary = run(*SMALL, "--calls", CALLS, "--seed", 1, "--data", tmp_path / "some")
    nobody_calls = run(*SMALL, "--calls", 0, "--seed", 1, "--data", tmp_path / "none")
    requests, served = summary["requests"], summary["served"]["n"]
    assert served == summary["calls"] == CALLS
    assert {route: requests.get(route) for route in DEEDS} == dict.fromkeys(DEEDS, CALLS)
    # Half way and at the door, each helper tells where he is.
    assert served <= requests["POST /api/helpers/{id}/position"] <= 2 * served
    # What goes in by the entities' door is the district, and does not grow with the calls.
    assert _writes_beside_deeds(requests) == _writes_beside_deeds(nobody_calls["requests"])


@pytest.mark.slow
def test_the_log_tells_that_residents_pressed_and_helpers_moved(tmp_path: Path) -> None:
    run(*SMALL, "--calls", CALLS, "--seed", 2, "--data", tmp_path)
    book = book_of(tmp_path / "seed-2")
    assert _who(book.made("ServiceCall")) == {"Resident"}
    assert _who(book.made("Offer")) == {"engine:dispatch"}
    for type_name, attr in (
        ("Offer", "answeredAt"),
        ("ServiceCall", "departedAt"),
        ("ServiceCall", "onSiteAt"),
        ("ServiceCall", "doneAt"),
        ("Helper", "position"),
    ):
        rows = book.wrote(type_name, attr)
        assert len(rows) >= CALLS, attr
        assert _who(rows) == {"Helper"}, attr
    assert _who(book.wrote("ServiceCall", "confirmedAt")) == {"Resident"}


@pytest.mark.proof
def test_two_large_runs_with_one_seed_are_the_same(shared_maps: Path, prove) -> None:
    words = ("--json", "--city", shared_maps / "jinan/jinan.osm.pbf", "--calls", 1500, "--hours", 4, "--seed", 101)
    one, two = (without_wall(run(*words, seconds_max=7200, PYTHONHASHSEED=str(salt))) for salt in (1, 2))
    same = write_json(one) == write_json(two)
    prove("two runs of 1,500 calls with one seed: the same summary", wanted=True, measured=same, kept=same)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_large_run_is_killed_again_and_again(seed: int, shared_maps: Path, tmp_path: Path, prove) -> None:
    calls = 300
    words = ("--json", "--city", shared_maps / "jinan/jinan.osm.pbf", "--hours", 1, "--calls", calls, "--seed", seed)
    words = (*words, "--data", tmp_path)
    ends = [run_until_pressed(calls * tenth // 10, *words) for tenth in (2, 4, 5, 7, 9)]
    summary = run(*words, seconds_max=3600)
    book = book_of(tmp_path / f"seed-{seed}")
    sums = {
        "kills": ends.count(-9),
        "lost": summary["lost"],
        "open": summary["open"],
        "calls": book.states.total(),
        "presses kept twice": calls - len(book.press_keys),
        "served twice": sum(count > 1 for count in book.accepted.values()),
    }
    kept = sums == {"kills": 5, "lost": 0, "open": 0, "calls": calls, "presses kept twice": 0, "served twice": 0}
    prove(
        f"300 calls in Jinan, killed 5 times, seed {seed}", wanted="nothing lost or doubled", measured=sums, kept=kept
    )


@pytest.mark.proof
@pytest.mark.parametrize("city", CITIES)
def test_a_real_city_at_its_full_load_finishes_with_nothing_lost(city: str, shared_maps: Path, prove) -> None:
    summary = run("--json", "--city", shared_maps / city, "--calls", 1500, "--hours", 4, seconds_max=7200)
    measured = f"lost {summary['lost']}, open {summary['open']} of {summary['calls']}"
    kept = (summary["lost"], summary["open"], summary["calls"]) == (0, 0, 1500)
    prove(f"1,500 calls in {Path(city).name.partition('.')[0]}", wanted="0, 0 of 1500", measured=measured, kept=kept)


@pytest.mark.proof
def test_open_borders_serve_nearly_all_within_the_hour(shared_maps: Path, prove) -> None:
    words = ("--json", "--city", shared_maps / "jinan/jinan.osm.pbf", "--load", "normal", "--policy", "open")
    result = run(*words, "--calls", 1500, "--hours", 4, "--seeds", "101-110", seconds_max=6 * 3600)
    for one in result["runs"]:
        whole = (one["lost"], one["open"], one["calls"]) == (0, 0, 1500)
        share = f"{one['servedWithin60']['share']:.1%}, lost {one['lost']}, open {one['open']}"
        prove(f"seed {one['seed']}: 1,500 calls served within 60 min", wanted="lost 0", measured=share, kept=whole)
    mean = result["over"]["servedWithin60"]["mean"]
    prove("served within 60 min, mean of ten seeds", wanted=">= 95 %", measured=f"{mean:.1%}", kept=mean >= 0.95)


def _nothing_is_lost(summary, book, calls: int) -> None:
    sums = {name: summary[name] for name in ("pressed", "calls", "joined", "lost", "open")}
    assert sums == {"pressed": calls, "calls": calls, "joined": 0, "lost": 0, "open": 0}
    assert book.states.total() == calls
    assert set(book.states) <= ENDED
    assert set(book.press_keys.values()) == {1}
    assert set(book.accepted.values()) == {1}
    assert len(book.accepted) == summary["served"]["n"]


def _writes_beside_deeds(requests: dict[str, int]) -> dict[str, int]:
    people = ("/api/sign-in", "/api/calls/{id}/rate", "/api/helpers/{id}/position")
    known = {*DEEDS, *(f"POST {path}" for path in people)}
    return {route: n for route, n in requests.items() if not route.startswith("GET ") and route not in known}


def _who(rows) -> set[str]:
    """Return the types of those who wrote, or the engine's name."""
    return {row.actor.split(":")[2] if row.actor.startswith("urn:") else row.actor for row in rows}
