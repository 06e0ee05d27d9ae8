"""p_purpose: nothing personal is written without a purpose, by no door; and a purpose that does not serve it is refused."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from linli.base import write_json
from linli.store import Find
from linli.trust import Act
from linli.vocab import vocabulary
from linli.web._ngsild import NgsiLd

sys.path.append(str(Path(__file__).parents[1] / "conformance"))
from ngsild_door import Door, Reply

VOCAB = vocabulary()
PERSONAL = sorted(
    name for name, one in VOCAB.types.items() if any(attr.pii != "none" for attr in one.attributes.values())
)
LD = {"content-type": "application/ld+json"}
RESIDENT = "urn:ngsi-ld:Resident:990101001001:01JDSAMP1E0000000000000001"
PHONE = {"type": "Property", "value": "00012345678"}


def sent(door: Door, purpose: str | None, method: str, path: str, body: Any, **query: str) -> Reply:
    """Send a body as somebody who may everything, for a purpose."""
    door.app = NgsiLd(door.broker, lambda _: Act(door.who, purpose))
    return door.ask(method, path, raw=write_json(body), headers=LD, **query)


def stored(door: Door) -> bytes:
    found = asyncio.run(door.store.find("default", Find()))
    past = [asyncio.run(door.store.past("default", one.entity_id)) for one in found]
    return b"".join(one.doc for one in found) + b"".join(row.fact.doc or b"" for rows in past for row in rows)


@pytest.mark.parametrize("name", PERSONAL)
@pytest.mark.parametrize(
    "path", ["/entities", "/entityOperations/create", "/entityOperations/upsert", "/temporal/entities"]
)
def test_no_door_takes_a_whole_entity_without_a_purpose(name: str, path: str) -> None:
    door, sample = Door(), VOCAB.sample(name, whole=True)
    answer = sent(door, None, "POST", path, [sample] if "Operations" in path else sample)
    assert answer.status in (207, 400)
    assert b"Linli-Purpose" in answer.body
    assert stored(door) == b""


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"/entities/{RESIDENT}/attrs", {"telephone": PHONE}),
        ("PATCH", f"/entities/{RESIDENT}/attrs", {"telephone": PHONE}),
        ("PATCH", f"/entities/{RESIDENT}/attrs/telephone", PHONE),
        ("PUT", f"/entities/{RESIDENT}/attrs/telephone", PHONE),
        ("PATCH", f"/entities/{RESIDENT}", {"telephone": PHONE}),
        ("POST", "/entityOperations/update", [{"id": RESIDENT, "type": "Resident", "telephone": PHONE}]),
        ("POST", "/entityOperations/merge", [{"id": RESIDENT, "type": "Resident", "telephone": PHONE}]),
        ("POST", f"/temporal/entities/{RESIDENT}/attrs", {"telephone": [PHONE]}),
    ],
)
@pytest.mark.parametrize("purpose", [None, "alert"])
def test_no_door_takes_an_attribute_without_a_purpose_that_it_serves(
    method: str, path: str, body: Any, purpose: str | None
) -> None:
    door = Door()
    sample = VOCAB.sample("Resident")
    sample["telephone"] = {"type": "Property", "value": "00012345600"}
    assert sent(door, "registry", "POST", "/entities", sample).status == 201
    context = sample["@context"]
    body = [{**one, "@context": context} for one in body] if isinstance(body, list) else {**body, "@context": context}
    answer = sent(door, purpose, method, path, body)
    assert answer.status in ((400, 207) if purpose is None else (403, 207))
    assert b"00012345678" not in stored(door)
    allowed = sent(door, "registry", method, path, body)
    assert allowed.status < 300 or b"telephone" in allowed.body
