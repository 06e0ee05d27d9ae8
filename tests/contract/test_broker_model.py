"""Brokers over three stores side by side, and a naive judge: whatever is done to all, all answer the same."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from broker_judge import Judge, traces_of
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from linli.base import SECOND_US, Ids, SteppedClock, read_json, to_wire_time
from linli.base.errors import AlreadyExists, LinliError, ResourceNotFound
from linli.broker import (
    Batch,
    Broker,
    Contexts,
    Evolutions,
    Join,
    Order,
    Page,
    Paging,
    Projection,
    Query,
    read_geo,
    read_order,
    read_pattern,
    read_q,
    read_scope_q,
    read_selectors,
    read_span,
    read_types,
)
from linli.broker._changing import merge_how
from linli.broker._form import read_attribute, read_fragment
from linli.broker._plain import Doc
from linli.broker._writing import (
    Outcome,
    appended,
    attribute_patched,
    attribute_removed,
    created,
    merged,
    replaced,
    scope_removed,
    updated,
)
from linli.store import KeyBook, MemoryStore, Store, open_store
from linli.trust import Act, Keys, Policies, Principal, Sealed
from linli.vocab import vocabulary

TERMS = Contexts(vocabulary(), {}, default="linli").default
START_US = 1_795_400_107_000_000
HOME = "/cn/r37"
NULL = "urn:ngsi-ld:null"

CARS = tuple(f"urn:x:car{n}" for n in range(4))
DEVICES = tuple(f"urn:ngsi-ld:Device:370102001001:{n}" for n in range(3))
OFFERS = tuple(f"urn:ngsi-ld:Offer:370102001001:{n}" for n in range(3))
HELPERS = tuple(f"urn:ngsi-ld:Helper:370102001001:{n}" for n in range(2))
IDS = (*CARS, *DEVICES, *OFFERS)
ADMIN = Principal("operator", "operator", ("/",))
WHO = (
    ADMIN,
    Principal(HELPERS[0], "helper"),
    Principal("worker:west", "community_worker", ("/cn/r37/a",)),
    Principal("official:1", "city_official", ("/cn",)),
)

# what is written

ids = st.sampled_from(IDS)
scopes = st.sampled_from(["/cn", "/cn/r37", "/cn/r37/a", "/cn/r37/a/g01", "/cn/r37/b", ["/cn/r37/b", "/x"], "/x"])
moments = st.integers(0, 600).map(lambda s: to_wire_time(START_US + s * SECOND_US))
values = st.sampled_from(
    [*range(4), 2.5, -1e9, "a", "b", "开", "", True, [1, "a", 2.5], {"k": 1}, {"@type": "Date", "@value": "2026-11-23"}]
)
lon, lat = st.sampled_from([116.99, 117.0, 117.004, 117.02, 179.999, -179.999]), st.sampled_from([0.0, 36.6, 36.605])
positions = st.tuples(lon, lat).map(list)


def a_box(west: float, south: float, width: float, height: float) -> list[list[list[float]]]:
    east, north = west + width, south + height
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


boxes = st.builds(
    a_box,
    st.sampled_from([116.98, 117.0, 117.003]),
    st.sampled_from([36.59, 36.6]),
    *[sizes := st.sampled_from([0.001, 0.02, 1.0])] * 2,
)
places = st.one_of(
    positions.map(lambda said: {"type": "Point", "coordinates": said}),
    st.lists(positions, min_size=2, max_size=3).map(lambda said: {"type": "LineString", "coordinates": said}),
    st.lists(positions, min_size=1, max_size=3).map(lambda said: {"type": "MultiPoint", "coordinates": said}),
    boxes.map(lambda said: {"type": "Polygon", "coordinates": said}),
)


def members(kind: str, member: str, said: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An instance of an attribute, perhaps observed, expiring, or with a sub-attribute."""
    sub = st.builds(lambda value: {"type": "Property", "value": value}, st.integers(0, 3))
    rare = st.integers(0, 9)

    def some(instance: dict[str, Any], which: int, at: str, inner: Any) -> dict[str, Any]:
        extra = {0: {"observedAt": at}, 1: {"observedAt": at}, 2: {"expiresAt": at}, 3: {"accuracy": inner}}
        return {**instance, **extra.get(which, {})}

    return st.builds(some, said.map(lambda value: {"type": kind, member: value}), rare, moments, sub)


def attribute(kind: str, member: str, said: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One instance, one of another dataset, or both."""
    one = members(kind, member, said)
    other = one.map(lambda instance: {**instance, "datasetId": "urn:d:1"})
    return st.one_of(one, one, other, st.tuples(one, other).map(list))


ATTRS = {
    "x_level": attribute("Property", "value", values),
    "x_state": attribute("Property", "value", st.sampled_from(["open", "done", "开"])),
    "x_place": attribute("GeoProperty", "value", places),
    "x_knows": attribute("Relationship", "object", ids | st.lists(ids, min_size=2, max_size=2, unique=True)),
    "x_name": attribute(
        "LanguageProperty", "languageMap", st.sampled_from([{"zh": "车"}, {"en": "car", "zh": "车"}, {"en": "bus"}])
    ),
}
GONE = {name: {"type": "Property", "value": NULL} for name in ATTRS}
GONE |= {"x_place": {"type": "GeoProperty", "value": NULL}, "x_knows": {"type": "Relationship", "object": NULL}}
GONE["x_name"] = {"type": "LanguageProperty", "languageMap": {"@none": NULL}}

said_of_all = st.fixed_dictionaries({}, optional={**ATTRS, "scope": scopes})
said_of_devices = st.fixed_dictionaries(
    {},
    optional={
        "deviceState": st.sampled_from(["ok", "fault", "offline"]).map(lambda v: {"type": "Property", "value": v}),
        "batteryLevel": st.sampled_from([0, 0.25, 1]).map(lambda v: {"type": "Property", "value": v}),
        "serialNumber": st.sampled_from(["1", "01", "开"]).map(lambda v: {"type": "Property", "value": v}),
    },
)
said_of_offers = st.fixed_dictionaries(
    {},
    optional={
        "helper": st.sampled_from(HELPERS).map(lambda v: {"type": "Relationship", "object": v}),
        "rank": st.integers(1, 3).map(lambda v: {"type": "Property", "value": v}),
        "answer": st.sampled_from(["open", "accepted"]).map(lambda v: {"type": "VocabProperty", "vocab": v}),
    },
)
A_DEVICE = {
    "category": {"type": "Property", "value": ["sensor"]},
    "controlledProperty": {"type": "Property", "value": ["energy"]},
}
AN_OFFER = {
    "call": {"type": "Relationship", "object": "urn:ngsi-ld:ServiceCall:370102001001:1"},
    "sentAt": {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-11-23T02:15:07Z"}},
    "openUntil": {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-11-23T02:16:07Z"}},
    "answer": {"type": "VocabProperty", "vocab": "open"},
}


def part_of(entity_id: str) -> st.SearchStrategy[dict[str, Any]]:
    """What may be said of some attributes of an entity."""
    own = {DEVICES: said_of_devices, OFFERS: said_of_offers}
    kind = next((said for among, said in own.items() if entity_id in among), st.just({}))
    return st.builds(lambda one, other: {**one, **other}, said_of_all, kind).filter(bool)


def whole_of(entity_id: str) -> st.SearchStrategy[dict[str, Any]]:
    """What may be said of a whole entity."""
    if entity_id in CARS:
        types: Any = st.sampled_from(["Car", "Bus", ["Car", "Thing"]])
    else:
        types = st.just("Device" if entity_id in DEVICES else "Offer")
    needed = A_DEVICE if entity_id in DEVICES else AN_OFFER if entity_id in OFFERS else {}
    head = st.fixed_dictionaries({"id": st.just(entity_id), "type": types}, optional={"expiresAt": moments})
    lasting = st.fixed_dictionaries({"id": st.just(entity_id), "type": types})
    return st.builds(lambda one, said: {**needed, **said, **one}, lasting | lasting | head, part_of(entity_id))


wholes = ids.flatmap(whole_of)
parts = ids.flatmap(lambda entity_id: st.tuples(st.just(entity_id), part_of(entity_id)))


def with_nulls(said: tuple[str, dict[str, Any]], gone: list[str]) -> tuple[str, dict[str, Any]]:
    """Take some attributes away beside."""
    return said[0], {**said[1], **{name: GONE[name] for name in gone}}


changes = st.builds(with_nulls, parts, st.lists(st.sampled_from(list(GONE)), max_size=1))

# what is asked

ATOMS = st.one_of(
    st.builds(
        "x_level{}{}".format,
        st.sampled_from(["==", "!=", ">", ">=", "<", "<="]),
        st.sampled_from(["0", "1", "2.0", "2.5", '"a"', "1..2", '"a".."开"', "true", '"1"']).filter(lambda v: True),
    ).filter(lambda q: not ((".." in q or "true" in q) and "==" not in q and "!=" not in q)),
    st.builds(
        'x_state{}"{}"'.format, st.sampled_from(["==", "!=", "~=", ">"]), st.sampled_from(["open", "done", "开"])
    ),
    st.builds('deviceState=="{}"'.format, st.sampled_from(["ok", "fault", "gone"])),
    st.builds("serialNumber=={}".format, st.sampled_from(['"1"', '"01"', '"开"', '"1","01"', "1"])),
    st.builds("batteryLevel{}0.25".format, st.sampled_from(["==", ">", "<="])),
    st.builds("helper=={}".format, st.sampled_from(HELPERS)),
    st.builds('answer=="{}"'.format, st.sampled_from(["open", "accepted"])),
    st.builds("x_knows=={}".format, ids),
    st.builds("{}>={}".format, st.sampled_from(["createdAt", "modifiedAt", "x_level.observedAt"]), moments),
    st.sampled_from(
        ["x_level", "!x_level", "!deviceState", "x_level.accuracy==1", "x_level[k]==1", 'x_name[en]=="car"', "x_place"]
    ),
)
QS = st.recursive(
    ATOMS,
    lambda inner: st.builds("({};{})".format, inner, inner) | st.builds("({}|{})".format, inner, inner),
    max_leaves=4,
)
FAR_QS = st.sampled_from(
    ["x_knows{x_level}>=1", "x_knows{Car:x_state}", 'x_knows{deviceState}=="ok"', "!x_knows{x_level}"]
)
TYPES = st.sampled_from(
    ["Car", "Bus", "Device", "Offer", "Car,Device", "Bus|Offer", "Car;Thing", "(Car|Bus);Thing", "*"]
)
SCOPE_QS = st.sampled_from(
    ["/cn", "/cn/#", "/cn/r37/a", "/cn/r37/a/#", "/cn/r37/+", "/#", "/x", "/cn/r37/b;/x", "/cn/r37/a|/x", "/+/r37"]
)
GEOS = st.one_of(
    st.builds(
        lambda where, how, metres: read_geo(f"near;{how}Distance=={metres}", "Point", where, "x_place", TERMS),
        positions,
        st.sampled_from(["max", "min"]),
        st.sampled_from([1, 400, 3000, 20_000_000]),
    ),
    st.builds(
        lambda box, georel: read_geo(georel, "Polygon", box, "x_place", TERMS),
        boxes | st.just(a_box(179.0, -1.0, -358.0, 2.0)),
        st.sampled_from(["within", "contains", "intersects", "equals", "disjoint", "overlaps"]),
    ),
)
SELECTORS = st.builds(
    lambda types, more: {"type": types, **more},
    TYPES,
    st.sampled_from([{}, {"id": IDS[0]}, {"id": [IDS[1], IDS[4]]}, {"idPattern": "[02]$"}]),
)
PARTS = {
    "types": TYPES.map(lambda text: read_types(text, TERMS)),
    "ids": st.lists(ids, min_size=1, max_size=3, unique=True).map(tuple),
    "q": QS.map(lambda text: read_q(text, TERMS)),
    "scopes": SCOPE_QS.map(read_scope_q),
    "geo": GEOS,
    "pattern": st.sampled_from(["car", "^urn:ngsi", "1$"]).map(lambda text: read_pattern(text, "idPattern")),
    "any_of": st.lists(SELECTORS, min_size=1, max_size=2).map(lambda said: read_selectors(said, TERMS)),
}


def asked(least: int, most: int) -> st.SearchStrategy[Query]:
    """A query of so many parts: with all of them nothing would be found, and a purge with none leaves nothing."""
    some = st.lists(st.sampled_from(sorted(PARTS)), min_size=least, max_size=most, unique=True)
    return some.flatmap(lambda names: st.builds(Query, **{name: PARTS[name] for name in names}))


#: three kinds that the stores narrow come more often: places, and values beside a type
QUERIES = st.one_of(
    asked(0, 2),
    st.builds(Query, geo=GEOS),
    st.builds(Query, types=PARTS["types"], q=ATOMS.map(lambda text: read_q(text, TERMS))),
    st.builds(Query, types=PARTS["types"], scopes=PARTS["scopes"]),
)
FAR_QUERIES = st.builds(
    lambda text, types: Query(q=read_q(text, TERMS), types=types), FAR_QS, st.none() | PARTS["types"]
)
ORDERS = st.lists(
    st.sampled_from(
        ["x_level", "x_level;desc", "x_state", "id;desc", "type", "scope", "modifiedAt;desc", "x_place;dist-asc"]
    ),
    min_size=1,
    max_size=2,
    unique=True,
).map(lambda said: read_order(said, TERMS, origin=[117.0, 36.6]))
PROJECTIONS = st.sampled_from(
    [
        Projection(sys_attrs=True),
        Projection(simplified=True),
        Projection(concise=True),
        Projection(pick=frozenset({"id"})),
        Projection(pick=frozenset({TERMS.name("x_level")})),
        Projection(attrs=frozenset({TERMS.name("x_place"), TERMS.name("x_state")}), sys_attrs=True),
        Projection(omit=frozenset({"type", TERMS.name("x_knows")})),
        Projection(datasets=frozenset({"urn:d:1"})),
    ]
)
SPANS = st.builds(
    lambda prop, relation, ends, more: read_span(
        {
            "timeproperty": prop,
            **({"timerel": relation, "timeAt": min(ends)} if relation else {}),
            **({"endTimeAt": max(ends)} if relation == "between" else {}),
            **more,
        }
    ),
    st.sampled_from(["modifiedAt", "modifiedAt", "observedAt", "createdAt", "deletedAt"]),
    st.sampled_from([None, None, "before", "after", "between"]),
    st.tuples(moments, moments),
    st.sampled_from(
        [{}, {}, {"lastN": 1}, {"lastN": 3}, {"aggrMethods": "max,avg,totalCount", "aggrPeriodDuration": "PT1M"}]
    ),
)
tenants = st.sampled_from(["default", "default", "default", "other"])
acts = st.builds(lambda who, tenant: Act(who, "service", tenant), st.sampled_from([ADMIN, ADMIN, *WHO]), tenants)
writers = st.builds(lambda tenant: Act(ADMIN, "service", tenant), tenants)


def plainly(result: Any) -> Any:
    """Return an answer in a form that can be compared."""
    if isinstance(result, Batch):
        return result.created, result.changed, [(said, type(why).__name__) for said, why in result.errors]
    if isinstance(result, Page):
        # `lasts` is no answer: it says what a page may be kept for, which depends on how well a store narrows.
        return result.entities, result.more, result.total, result.gone
    if isinstance(result, Evolutions):
        return result.entities, result.more, result.total, result.content_range, result.gone
    return result


class SideBySide(RuleBasedStateMachine):
    """The same history in a store in memory, in a file, on servers, and sealed; `counts` tells how much was compared."""

    def __init__(self, servers: Sequence[str], counts: Counter[str]) -> None:
        super().__init__()
        self.counts = counts
        self.counts["histories"] += 1
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.urls = [f"sqlite:///{Path(self.folder.name) / 'linli.db'}"]
        self.urls += [f"{server}&schema=broker_{next(_schemas)}" for server in servers]
        self.urls += [f"sqlite:///{Path(self.folder.name) / 'sealed.db'}"]
        self.clock = SteppedClock(START_US)
        self.memory = MemoryStore()
        self.judge = Judge(TERMS, HOME, self.clock)
        self.maps: list[tuple[str, list[str]]] = []
        self.engines = self.runner.run(self.opened())
        self.brokers = [self.broker(store) for store in (self.memory, *self.engines)]

    async def opened(self) -> list[Store]:
        *clear, below = [await open_store(url, sync="off", bytes_cache_mb=1) for url in self.urls]
        keys = Keys(KeyBook.open(Path(self.folder.name) / "keys.db", sync="off"), bytes(32))
        return [*clear, Sealed(below, keys, vocabulary())]

    def broker(self, store: Store) -> Broker:
        return Broker(
            store, vocabulary(), Policies(self.clock), self.clock, ids=Ids("370102"), home_scope=HOME, page_instances=12
        )

    def closed(self) -> None:
        for store in self.engines:
            self.runner.run(store.close())

    def teardown(self) -> None:
        self.closed()
        self.runner.close()
        self.folder.cleanup()

    # what all of them do

    @property
    def now_us(self) -> int:
        return self.clock.now_us()

    def all(self, ask: Callable[[Broker], Awaitable[Any]]) -> Any:
        """Ask all brokers, and return what they all say: an answer, or the class of the error."""

        async def told(broker: Broker) -> Any:
            try:
                return plainly(await ask(broker))
            except LinliError as error:
                return type(error)

        first, *rest = (self.runner.run(told(broker)) for broker in self.brokers)
        assert rest == [first] * len(rest)
        self.counts["answers"] += 1
        return first

    def write(self, ask: Callable[[Broker], Awaitable[Any]], judged: Callable[[], Any]) -> Any:
        """Have all write a second later, and the judge say whether that is right."""
        self.clock.advance_to(self.now_us + SECOND_US)
        told = self.all(ask)
        try:
            expected = judged()
        except LinliError as error:
            expected = type(error)
        assert (told if isinstance(told, type) else None) == (expected if isinstance(expected, type) else None)
        return told, expected

    def rewrite(
        self, act: Act, entity_id: str, ask: Callable[[Broker], Awaitable[Any]], change: Callable[[Doc], Outcome]
    ) -> None:
        self.write(ask, lambda: self.judge.change(act.tenant, entity_id, change, self.now_us))

    # writing

    @rule(act=writers, body=wholes)
    def create(self, act: Act, body: dict[str, Any]) -> None:
        self.write(
            lambda broker: broker.create(act, body, TERMS),
            lambda: self.judge.create(act.tenant, created(read_fragment(body, TERMS, whole=True)), self.now_us),
        )

    @initialize(bodies=st.tuples(*map(whole_of, IDS)))
    def settle(self, bodies: Sequence[dict[str, Any]]) -> None:
        self.batch(Act(ADMIN, "service"), bodies, "create")

    @rule(
        act=writers,
        bodies=st.lists(wholes, min_size=1, max_size=4),
        deed=st.sampled_from(["create", "replace", "append", "update", "merge"]),
    )
    def batch(self, act: Act, bodies: Sequence[dict[str, Any]], deed: Any) -> None:
        async def terms(_: Any) -> Any:
            return TERMS

        def one(body: dict[str, Any]) -> Callable[[Doc | None], Outcome]:
            return lambda before: made_of(before, body, deed, self.now_us)

        many = [(body["id"], one(body)) for body in bodies]
        told, expected = self.write(
            lambda broker: broker.write_batch(act, deed, bodies, terms),
            lambda: self.judge.batch(act.tenant, many, self.now_us),
        )
        assert told == expected

    @rule(act=writers, body=wholes)
    def replace(self, act: Act, body: dict[str, Any]) -> None:
        part = read_fragment(body, TERMS, whole=False)
        self.rewrite(
            act,
            body["id"],
            lambda broker: broker.replace(act, body["id"], body, TERMS),
            lambda doc: replaced(doc, part, self.now_us),
        )

    @rule(act=writers, said=changes)
    def merge(self, act: Act, said: tuple[str, dict[str, Any]]) -> None:
        entity_id, body = said
        part, how = read_fragment(body, TERMS, whole=False, nulls="inside"), merge_how(TERMS)
        self.rewrite(
            act,
            entity_id,
            lambda broker: broker.merge(act, entity_id, body, TERMS),
            lambda doc: merged(doc, part, self.now_us, how),
        )

    @rule(act=writers, said=changes)
    def update(self, act: Act, said: tuple[str, dict[str, Any]]) -> None:
        entity_id, body = said
        part = read_fragment(body, TERMS, whole=False, nulls="instance")
        self.rewrite(
            act,
            entity_id,
            lambda broker: broker.update_attrs(act, entity_id, body, TERMS),
            lambda doc: updated(doc, part, self.now_us),
        )

    @rule(act=writers, said=parts, overwrite=st.booleans())
    def append(self, act: Act, said: tuple[str, dict[str, Any]], overwrite: bool) -> None:
        entity_id, body = said
        part = read_fragment(body, TERMS, whole=False)
        self.rewrite(
            act,
            entity_id,
            lambda broker: broker.append_attrs(act, entity_id, body, TERMS, overwrite=overwrite),
            lambda doc: appended(doc, part, self.now_us, overwrite=overwrite),
        )

    @rule(act=writers, entity_id=ids, value=st.integers(0, 3), dataset=st.sampled_from([{}, {"datasetId": "urn:d:1"}]))
    def patch_one(self, act: Act, entity_id: str, value: int, dataset: dict[str, str]) -> None:
        body = {"value": value, **dataset}
        name, said = read_attribute("x_level", body, TERMS, nulls="member")
        self.rewrite(
            act,
            entity_id,
            lambda broker: broker.patch_attr(act, entity_id, "x_level", body, terms=TERMS),
            lambda doc: attribute_patched(doc, name, said, self.now_us, merge_how(TERMS)),
        )

    @rule(act=writers, entity_id=ids, attr=st.sampled_from([*ATTRS, "scope"]), every=st.booleans())
    def drop_one(self, act: Act, entity_id: str, attr: str, every: bool) -> None:
        def removed(doc: Doc) -> Outcome:
            return (
                scope_removed(doc) if attr == "scope" else attribute_removed(doc, TERMS.name(attr), None, every=every)
            )

        self.rewrite(
            act, entity_id, lambda broker: broker.delete_attr(act, entity_id, attr, TERMS, every=every), removed
        )

    @rule(act=writers, entity_id=ids)
    def delete(self, act: Act, entity_id: str) -> None:
        self.write(
            lambda broker: broker.delete(act, entity_id),
            lambda: self.judge.delete(act.tenant, entity_id, self.now_us),
        )

    @rule(act=writers, query=asked(2, 4), drop=st.sampled_from([frozenset(), frozenset({TERMS.name("x_level")})]))
    def purge(self, act: Act, query: Query, drop: frozenset[str]) -> None:
        told, gone = self.write(
            lambda broker: broker.purge(act, query, TERMS, Projection(), drop=drop),
            lambda: self.judge.purge(act, query, drop, self.now_us),
        )
        assert told == ([], gone, [])

    @rule(act=writers, entity_id=ids, value=values, at=st.integers(1, 9))
    def tell_of_the_past(self, act: Act, entity_id: str, value: Any, at: int) -> None:
        observed_at = to_wire_time(START_US - at * SECOND_US)
        body = {
            "id": entity_id,
            "type": "Car" if entity_id in CARS else "Device" if entity_id in DEVICES else "Offer",
            "x_level": [{"type": "Property", "value": value, "observedAt": observed_at}],
        }
        self.clock.advance_to(self.now_us + SECOND_US)
        self.all(lambda broker: broker.add_evolution(act, body, TERMS))
        self.judge.blurred.add((act.tenant, entity_id))

    # time

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.clock.advance_to(self.now_us + seconds * SECOND_US)

    @rule()
    def take_away_what_expired(self) -> None:
        self.all(lambda broker: broker.expire_due())
        self.judge.reap_all(self.now_us)

    @rule()
    def open_again(self) -> None:
        self.closed()
        self.engines = self.runner.run(self.opened())
        self.brokers = [self.broker(store) for store in (self.memory, *self.engines)]
        self.all(lambda broker: broker.knows_tenant("other"))

    # asking

    @rule(
        act=acts,
        queries=st.lists(QUERIES, min_size=2, max_size=8),
        projection=PROJECTIONS,
        limit=st.sampled_from([1, 3, 20]),
        offset=st.sampled_from([0, 0, 1, 4]),
        order=st.none() | ORDERS,
        count=st.booleans(),
    )
    def ask(self, act: Act, queries: list[Query], order: Order | None, count: bool, **how: Any) -> None:
        for query in queries:
            told = self.all(
                lambda broker, query=query: broker.query(act, query, terms=TERMS, order=order, count=count, **how)
            )
            self.judge_page(told, self.judged(act, query, order=order, **how), count=count)

    @rule(act=acts, query=FAR_QUERIES, inline=st.booleans())
    def ask_beyond_relationships(self, act: Act, query: Query, inline: bool) -> None:
        projection, join = Projection(sys_attrs=True), Join(inline=True)
        told = self.all(
            lambda broker: broker.query(act, query, terms=TERMS, projection=projection, join=join, count=True, limit=20)
        )
        bodies, _, total = self.judged(act, query, projection=projection, limit=20, offset=0, order=None)
        assert [read_json(one)["id"] for one in told[0]] == [read_json(one)["id"] for one in bodies]
        assert told[2] == total

    @rule(act=acts, query=QUERIES, order=st.none() | ORDERS)
    def map_out(self, act: Act, query: Query, order: Order | None) -> None:
        told = self.all(
            lambda broker: broker.query_ids(act, query, terms=TERMS, projection=Projection(), order=order, most=1000)
        )
        picked = Projection(pick=frozenset({"id"}))
        bodies, _, _ = self.judged(act, query, projection=picked, limit=1000, offset=0, order=order)
        assert told == [read_json(one)["id"] for one in bodies]
        self.maps.append((act.tenant, told))

    @rule(query=QUERIES, limit=st.sampled_from([1, 20]), offset=st.sampled_from([0, 2]), which=st.integers(0, 9))
    def ask_by_a_map(self, query: Query, limit: int, offset: int, which: int) -> None:
        tenant, among = self.maps[which % len(self.maps)] if self.maps else ("default", list(IDS))
        act, how = Act(ADMIN, "service", tenant), {"projection": Projection(sys_attrs=True), "among": among}
        how |= {"limit": limit, "offset": offset}
        told = self.all(lambda broker: broker.query(act, query, terms=TERMS, count=True, **how))
        self.judge_page(told, self.judged(act, query, order=None, **how), count=True)

    @rule(act=acts, entity_id=ids, projection=PROJECTIONS, types=st.none() | PARTS["types"])
    def look_up(self, act: Act, entity_id: str, projection: Projection, types: Any) -> None:
        told = self.all(lambda broker: broker.get_bytes(act, entity_id, TERMS, projection, types=types))
        try:
            expected: Any = self.judge.body(act, entity_id, Query(types=types), projection, self.now_us)
        except ResourceNotFound:
            expected = ResourceNotFound
        assert told == expected

    @rule(act=acts)
    def survey(self, act: Act) -> None:
        there = self.all(lambda broker: broker.types_in_detail(act, TERMS))
        counts = self.judge.counts(act, self.now_us)
        assert {one["typeName"] for one in there} == set(counts)
        for name in counts:
            about = self.all(lambda broker, name=name: broker.type_in_detail(act, TERMS.name(name), TERMS))  # type: ignore[misc]
            assert about["entityCount"] == counts[name]
        self.all(lambda broker: broker.attributes_in_detail(act, TERMS))

    @rule(act=acts, entity_id=ids, span=SPANS)
    def remember(self, act: Act, entity_id: str, span: Any) -> None:
        projection = Projection(sys_attrs=True)
        told = self.all(lambda broker: broker.evolution(act, entity_id, terms=TERMS, span=span, projection=projection))
        known = self.judge.is_clear(act.tenant, entity_id) and act.who is ADMIN
        if not known or span.time != "modifiedAt" or span.form != "normalized" or span.last_n or told[3]:
            return
        expected = self.judge.traces(act.tenant, entity_id, span.since_us, span.until_us)
        assert traces_of(told[0][0], ["x_level", "x_state", "x_knows", "x_place"]) == {
            name: traces for name, traces in expected.items() if name in ATTRS and name != "x_name"
        }

    @rule(
        act=acts,
        query=asked(0, 1),
        span=SPANS,
        limit=st.sampled_from([1, 20]),
        offset=st.sampled_from([0, 1]),
        descending=st.none() | st.booleans(),
    )
    def remember_many(
        self, act: Act, query: Query, span: Any, limit: int, offset: int, descending: bool | None
    ) -> None:
        paging = Paging(limit, offset, count=True, descending=descending)
        self.all(
            lambda broker: broker.evolutions(
                act, query, terms=TERMS, span=span, projection=Projection(sys_attrs=True), paging=paging
            )
        )

    # judging

    def judged(self, act: Act, query: Query, **how: Any) -> tuple[list[bytes], bool, int]:
        return self.judge.page(act, query, now_us=self.now_us, **how)

    @staticmethod
    def judge_page(told: Any, expected: tuple[list[bytes], bool, int], *, count: bool) -> None:
        bodies, more, total = expected
        assert told[0] == bodies
        assert told[1:3] == (more, total if count else None)


def made_of(before: Doc | None, body: dict[str, Any], deed: str, now_us: int) -> Outcome:
    """Return what a batch should make of one entity."""
    fragment = read_fragment(body, TERMS, whole=True, nulls="inside" if deed == "merge" else "none")
    if before is None:
        if deed in ("update", "merge"):
            raise ResourceNotFound
        return created(fragment)
    if deed == "create":
        raise AlreadyExists
    if deed == "replace":
        return replaced(before, fragment, now_us)
    if deed == "merge":
        return merged(before, fragment, now_us, merge_how(TERMS))
    return appended(before, fragment, now_us, overwrite=True)


_schemas = itertools.count(1)
HISTORIES = int(os.environ.get("LINLI_HISTORIES", "12"))


def compare(histories: int, *servers: str) -> Counter[str]:
    """Run so many random histories; return how many there were, and how many answers were the same."""
    counts: Counter[str] = Counter()
    how = settings(
        max_examples=histories, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    run_state_machine_as_test(lambda: SideBySide(servers, counts), settings=how)
    return counts


def test_a_history_has_the_same_answers_in_memory_and_in_a_file() -> None:
    compare(12)


@pytest.mark.slow
def test_a_history_has_the_same_answers_in_every_store(postgres_server: str) -> None:
    compare(12, postgres_server)


@pytest.mark.proof
def test_any_history_has_the_same_answers_in_every_store(postgres_server: str, prove: Any) -> None:
    counts = compare(HISTORIES, postgres_server)
    prove(
        f"random histories with the same answers in three stores ({counts['answers']} answers)",
        wanted=HISTORIES,
        measured=counts["histories"],
        kept=counts["histories"] >= HISTORIES,
    )
