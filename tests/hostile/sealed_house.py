"""A sealed store in memory, what stands below it, and entities of people who were made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from linli.base import SteppedClock
from linli.broker import found_by
from linli.store import Change, Fact, KeyBook, MemoryStore, Put, Store
from linli.trust import Keys, Sealed
from linli.trust._resealing import Resealing
from linli.vocab import vocabulary

AT_US = 1_800_000_000_000_000
NODE = "990101000000"
ANNA, BO, CALL = (
    f"urn:ngsi-ld:{name}:{NODE}:01JDSAMP1E000000000000000{n}"
    for n, name in enumerate(("Resident", "Resident", "ServiceCall"))
)
PHONE, NAME, NUMBER = "+8613812341234", "安娜测试", "990101194801010014"
SDM = "https://smartdatamodels.org/"
LOCATION = "https://uri.etsi.org/ngsi-ld/location"
EXTRA = "https://uri.etsi.org/ngsi-ld/default-context/x_shoes"
FOUND_BY = found_by(vocabulary())


class House:
    """A sealed store over one in memory, with its keys in `folder`."""

    def __init__(self, folder: Path, below: Store | None = None, suite: str = "aes-256-gcm") -> None:
        self.clock = SteppedClock(AT_US)
        self.folder = folder
        self.below = below or MemoryStore()
        self.keys = Keys(KeyBook.open(folder / "keys.db", sync="off"), bytes(32), suite=suite, wall=self.clock)
        self.store = Sealed(self.below, self.keys, vocabulary())
        self.resealing = Resealing(self.store, FOUND_BY, self.clock)

    async def put(self, *docs: Mapping[str, Any], store: Store | None = None, **facts: tuple[Fact, ...]) -> None:
        """Write documents as the broker would; `facts`: of the first of them."""
        puts = [put_of(doc) for doc in docs]
        puts[0] = puts[0]._replace(**facts)
        change = Change("default", "urn:test:tester", "service", self.clock.now_us(), puts=tuple(puts))
        await (store or self.store).commit(change)

    async def everything(self) -> bytes:
        """Return all that stands below, in one text."""
        return b"\n".join([part async for part in _parts(self.below)])


async def _parts(store: Any) -> Any:
    for tenant in store._tenants.values():
        for entity in tenant.entities.values():
            yield repr(entity).encode()
            yield entity.stored.doc
        for record in tenant.records.values():
            yield record.doc
        for rows in tenant.history.values():
            for row in rows:
                yield repr(row).encode() + (row.fact.doc or b"")
        yield repr((tenant.log, tenant.timers)).encode()


def put_of(doc: Mapping[str, Any]) -> Put:
    """Return what the broker would give the store."""
    keys, box = FOUND_BY(dict(doc))
    return Put(doc["id"], tuple(doc["type"]), tuple(doc["scope"]), orjson.dumps(doc), tuple(doc["attrs"]), keys, box)


def a_doc(entity_id: str, kind: str, **attrs: Any) -> dict[str, Any]:
    """Return a document; bare values are Properties."""
    wrapped = {
        name: said if isinstance(said, list) else [{"type": "Property", "value": said}] for name, said in attrs.items()
    }
    return {"id": entity_id, "type": [kind], "scope": ["/cn/r99/g01"], "attrs": wrapped}


def a_resident(entity_id: str = ANNA, **attrs: Any) -> dict[str, Any]:
    """Return a person with a name, a telephone, an identity number and a place."""
    given = {
        "fullName": NAME,
        SDM + "telephone": PHONE,
        "idNumber": NUMBER,
        "elderMode": True,
        LOCATION: [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [117.0213, 36.6604]}}],
    }
    return a_doc(entity_id, "Resident", **(given | attrs))


def a_call(**attrs: Any) -> dict[str, Any]:
    """Return a call of Anna's."""
    given = {"number": "17", "caller": link(ANNA), "text": NAME + " 摔倒了", "callback": PHONE}
    return a_doc(CALL, "ServiceCall", **(given | attrs))


def link(entity_id: str) -> list[dict[str, Any]]:
    """Return a Relationship."""
    return [{"type": "Relationship", "object": entity_id}]


def read(doc: bytes) -> Any:
    """Return a document as it is."""
    return orjson.loads(doc)


def words() -> Iterator[bytes]:
    """Yield what must stand nowhere in clear."""
    for said in (PHONE, PHONE[3:], NAME, NUMBER, ANNA[:0] or "117.0213", "36.6604"):
        yield said.encode()
