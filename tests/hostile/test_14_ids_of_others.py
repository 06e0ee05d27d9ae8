"""Hostile test 14: every id of another owner answers as one that does not exist, by every method and through every door;
and nothing of another area, another tenant, another gate or another day can be felt out by any question at all."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from two_cities import ENGINE, PEOPLE, SECRET_TYPES, VIEWS, City, Probe, ask_both, cities, probed, urn

from linli.trust._authz import FOLDER

PROBES = int(os.environ.get("LINLI_PROBES", "5000"))
WORD = {"type": "Property", "value": "x"}
BODY = {"id": "", "type": "", "x_word": WORD}
METHODS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "", None),
    ("PATCH", "", {"x_word": WORD}),
    ("PUT", "", BODY),
    ("DELETE", "", None),
    ("POST", "/attrs", {"x_word": WORD}),
    ("PATCH", "/attrs", {"x_word": WORD}),
    ("GET", "/attrs/state/value", None),
    ("PUT", "/attrs/state/value", "x"),
    ("PATCH", "/attrs/state", WORD),
    ("PUT", "/attrs/state", WORD),
    ("DELETE", "/attrs/state", None),
)
BATCHES = ("delete", "merge", "update")


def plain(answer: Any, entity_id: str) -> tuple[int, bytes]:
    """Return an answer without the id that was asked for."""
    status, _, body = answer
    return status, body.replace(entity_id.encode(), b"")


@pytest.mark.parametrize(
    "role",
    [
        role if role in ("resident", "seat") else pytest.param(role, marks=pytest.mark.slow)
        for roles in VIEWS.values()
        for role in roles
    ],
)
def test_an_id_of_another_answers_as_one_that_does_not_exist(role: str) -> None:
    who, view = PEOPLE[role], next(name for name, roles in VIEWS.items() if role in roles)

    async def story() -> None:
        city, _ = await cities(view)
        before = {one: await version(city, one) for one in city.secrets}
        assert all(before.values())
        for entity_type in (*SECRET_TYPES, "Vehicle"):
            theirs = f"urn:ngsi-ld:{entity_type}:east-a" if entity_type == "Vehicle" else urn(entity_type, "east-a")
            nobodys = theirs + "0"
            assert theirs in city.secrets
            for prefix in ("/entities/", "/temporal/entities/"):
                for method, path, body in METHODS:
                    if prefix != "/entities/" and (path, method) not in (
                        ("", "GET"),
                        ("", "DELETE"),
                        ("/attrs", "POST"),
                    ):
                        continue
                    asked = [
                        Probe(who, method, prefix + one + path, (), "service", (), said(body, one, entity_type))
                        for one in (theirs, nobodys)
                    ]
                    first, second = [
                        plain(await city.ask(one), at) for one, at in zip(asked, (theirs, nobodys), strict=True)
                    ]
                    assert first == second, (method, prefix, path, entity_type)
                    assert first[0] >= 400, (method, prefix, path, entity_type)
            for deed in BATCHES:
                bodies = [[one] if deed == "delete" else [said(BODY, one, entity_type)] for one in (theirs, nobodys)]
                asked = [Probe(who, "POST", f"/entityOperations/{deed}", (), "service", (), one) for one in bodies]
                first, second = [
                    plain(await city.ask(one), at) for one, at in zip(asked, (theirs, nobodys), strict=True)
                ]
                assert first == second, (deed, entity_type)
        assert {one: await version(city, one) for one in city.secrets} == before, "and nothing was changed"

    asyncio.run(story())


@pytest.mark.parametrize("role", ["resident", "seat"])
def test_who_may_not_make_a_thing_is_not_told_whether_its_id_is_taken(role: str) -> None:
    """Who may make it learns that an id is taken, for two things cannot have one; see docs/explanation."""
    who, view = PEOPLE[role], next(name for name, roles in VIEWS.items() if role in roles)

    async def story() -> None:
        city, _ = await cities(view)
        for entity_type in (*SECRET_TYPES, "Vehicle"):
            theirs = f"urn:ngsi-ld:{entity_type}:east-a" if entity_type == "Vehicle" else urn(entity_type, "east-a")
            assert theirs in city.secrets
            answers: dict[str, list[tuple[int, bytes]]] = {}
            for one in (theirs, theirs + "0"):
                body = said(BODY, one, entity_type)
                for path, sent in (
                    ("/entities", body),
                    ("/entityOperations/create", [body]),
                    ("/entityOperations/upsert", [body]),
                ):
                    asked = Probe(who, "POST", path, (), "service", (), sent)
                    answers.setdefault(path, []).append(plain(await city.ask(asked), one))
            for path, (taken, free) in answers.items():
                assert taken == free, (path, entity_type)
                refused = taken[0] == 403 or b"NotAllowed" in taken[1]
                assert refused or entity_type != "Vehicle", (path, taken)
                assert refused or b"BadRequestData" in taken[1], (path, entity_type, taken)

    asyncio.run(story())


async def version(city: City, entity_id: str) -> int:
    tenant = "north" if ":north-" in entity_id else "default"
    found = await city.broker.read(replace(ENGINE, tenant=tenant), entity_id)
    return found.version if found else 0


def said(body: Any, entity_id: str, entity_type: str) -> Any:
    return {**body, "id": entity_id, "type": entity_type} if isinstance(body, dict) and "id" in body else body


@pytest.mark.parametrize("role", ["resident", "community_worker", "caller"])
def test_another_tenant_cannot_be_named_and_is_not_told_of(role: str) -> None:
    for tenant in ("north", "nowhere"):
        asked = Probe(
            PEOPLE[role], "GET", "/entities", (("type", "Resident"),), "service", (("ngsild-tenant", tenant),)
        )
        for status, _, body in ask_both("staff", asked)[0]:
            assert status == 403, tenant
            assert b"north" not in body


def by_view(count: int) -> dict[str, int]:
    """Share questions out among the views, most to those where most is hidden."""
    return {"staff": count * 3 // 10, "number": count // 5, "person": count * 4 // 10, "guard": count // 10}


@pytest.mark.slow
@pytest.mark.parametrize("view", sorted(VIEWS))
def test_no_question_tells_one_city_from_the_other(view: str) -> None:
    told, leaks = asyncio.run(probed(view, by_view(5000)[view], seed=len(view)))
    assert not leaks, leaks[:3]
    assert told > by_view(5000)[view] // 20, "the questions must get answers, else they prove nothing"


@pytest.mark.proof
def test_a_hundred_thousand_questions_tell_nothing(prove: Any) -> None:
    leaked = 0
    for view, count in by_view(PROBES).items():
        told, leaks = asyncio.run(probed(view, count, seed=1))
        leaked += len(leaks)
        assert told > count // 20
    prove(f"{PROBES} random questions across areas and tenants: leaks", wanted=0, measured=leaked, kept=not leaked)


LEAKS = {
    "people": 'permit (principal, action == Action::"read", resource is Resident);',
    "counts": 'permit (principal in Role::"caller", action == Action::"list", resource is ServiceCall);',
    "tenant-of-vehicles": 'permit (principal, action in [Action::"read", Action::"list"], resource is Foreign);',
    "helpers": '@personal("full") permit (principal in Role::"seat", action == Action::"list", resource is Helper);',
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEAKS)
def test_a_rule_that_lets_too_much_through_is_noticed(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "policies")
    (folder / "leak.cedar").write_text(f'@id("{name}") @says("A hole.") {LEAKS[name]}', "utf-8")
    view = "staff" if name == "helpers" else "person"
    _, leaks = asyncio.run(probed(view, 1200, seed=3, folder=folder))
    assert leaks
