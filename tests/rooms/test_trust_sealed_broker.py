"""A broker over a sealed store says of persons what one over the bare store says: by value, place, order, sum and time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sealed_house import House

from linli.base import Ids, SteppedClock, to_wire_time
from linli.base.errors import LinliError
from linli.broker import (
    Broker,
    Contexts,
    Order,
    Page,
    Projection,
    Query,
    read_geo,
    read_order,
    read_q,
    read_span,
    read_types,
)
from linli.store import MemoryStore, Store
from linli.trust import Act, Policies, Principal
from linli.vocab import vocabulary

pytestmark = pytest.mark.anyio
TERMS = Contexts(vocabulary(), {}, default="linli").default
START_US, HOUR_US = 1_795_400_107_000_000, 3_600_000_000
WHO = Act(Principal("tester", "operator", ("/",)), "registry")
AREA = "urn:ngsi-ld:Area:990101001001"
ODD = "~aes|x|y"
PHONES, NAMES = ("13812341234", "+8613812341234", "+8613900005678"), ("安娜", "波", ODD)
TYPES = read_types("Resident", TERMS)
lon, lat = st.floats(117.0, 117.05).map(lambda x: round(x, 4)), st.floats(36.6, 36.65).map(lambda x: round(x, 4))
people = st.fixed_dictionaries(
    {
        "telephone": st.sampled_from(PHONES),
        "fullName": st.sampled_from(NAMES),
        "at": st.tuples(lon, lat),
        "x_n": st.integers(0, 3),
    }
)
QS = [
    *(f'telephone=="{phone}"' for phone in PHONES),
    'fullName=="安娜"',
    'fullName~=".*娜"',
    "x_n>=1;x_n<3",
    'telephone=="+8613900005678"|fullName=="波"',
    "!email",
    "x_n==2",
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Twins:
    """Two brokers that are told the same."""

    def __init__(self, folder: Path) -> None:
        self.clock = SteppedClock(START_US)
        self.house = House(folder)
        self.brokers = [self._broker(MemoryStore()), self._broker(self.house.store)]

    def _broker(self, store: Store) -> Broker:
        clock = self.clock
        return Broker(
            store,
            vocabulary(),
            Policies(clock),
            clock,
            ids=Ids("990101000000"),
            home_scope="/cn/r99",
            page_instances=200,
        )

    async def both(self, ask: Any) -> Any:
        answers = [await _told(ask, broker) for broker in self.brokers]
        assert answers[0] == answers[1]
        return answers[0]


async def _told(ask: Any, broker: Broker) -> Any:
    try:
        return await ask(broker)
    except LinliError as error:
        return type(error)


def a_person(number: int, said: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Resident:990101000000:{number:026d}",
        "type": "Resident",
        "ageBand": {"type": "VocabProperty", "vocab": "a18to59"},
        "homeArea": {"type": "Relationship", "object": AREA},
        "telephone": {"type": "Property", "value": said["telephone"]},
        "fullName": {"type": "Property", "value": said["fullName"]},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(said["at"])}},
        "x_n": {"type": "Property", "value": said["x_n"], "observedAt": to_wire_time(START_US)},
    }


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    said=st.lists(people, min_size=1, max_size=12),
    near=st.tuples(lon, lat),
    metres=st.sampled_from([200, 1500, 9000]),
)
async def test_persons_are_found_as_they_are_without_sealing(
    said: list[dict[str, Any]], near: tuple[float, float], metres: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    twins = Twins(tmp_path_factory.mktemp("keys"))
    for number, one in enumerate(said):
        body = a_person(number, one)
        assert await twins.both(partial(_create, body=body)) == body["id"]
    geo = read_geo(f"near;maxDistance=={metres}", "Point", list(near), "location", TERMS)
    queries = [Query(types=TYPES, q=read_q(q, TERMS)) for q in QS]
    found: set[bytes] = set()
    for query in (*queries, Query(types=TYPES, geo=geo), Query(types=TYPES, q=queries[0].q, geo=geo)):
        for order in (None, read_order(["fullName", "telephone;desc"], TERMS)):
            page = await twins.both(partial(_query, query=query, order=order))
            found.update(page.entities)
    # One of the questions is for everybody without an email address: so all were found, and found whole.
    assert len(found) == len(said)
    assert b"~aes" not in b"".join(found).replace(ODD.encode(), b"")


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(said=st.lists(people, min_size=2, max_size=6))
async def test_the_past_of_a_person_is_told_as_it_is_without_sealing(
    said: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    twins = Twins(tmp_path_factory.mktemp("keys"))
    first, *later = (a_person(0, one) for one in said)
    await twins.both(partial(_create, body=first))
    for number, body in enumerate(later):
        twins.clock.advance_to(START_US + (number + 1) * HOUR_US)
        await twins.both(partial(_merge, body=body))
    told = await twins.both(partial(_evolution, entity_id=first["id"]))
    values = [value["value"] for value in told[0]["fullName"]]
    assert values == [body["fullName"]["value"] for body in (first, *later)]


async def _create(broker: Broker, body: dict[str, Any]) -> str:
    return await broker.create(WHO, body, TERMS)


async def _merge(broker: Broker, body: dict[str, Any]) -> None:
    await broker.merge(WHO, body["id"], body, TERMS)


async def _query(broker: Broker, query: Query, order: Order | None) -> Page:
    return await broker.query(WHO, query, terms=TERMS, projection=Projection(), limit=50, count=True, order=order)


async def _evolution(broker: Broker, entity_id: str) -> Any:
    span = read_span({"timeproperty": "modifiedAt"})
    told = await broker.evolution(WHO, entity_id, terms=TERMS, span=span, projection=Projection())
    return told.entities
