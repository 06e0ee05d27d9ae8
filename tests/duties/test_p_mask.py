"""p_mask: whoever may see somebody sees him masked, in every list and by every door; in clear only by an action of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from linli.base import write_json
from linli.trust import Act, Principal
from linli.vocab import vocabulary
from linli.web._ngsild import NgsiLd

sys.path.append(str(Path(__file__).parents[1] / "conformance"))
from ngsild_door import ADMIN, HOME, Door

VOCAB = vocabulary()
PHONE, NAME, NUMBER = "+8613812341234", "欧阳测试", "11010519491231002X"
RESIDENT = "urn:ngsi-ld:Resident:990101001001:01JDSAMP1E0000000000000001"
CLERK = Principal("clerk:1", "clerk", (HOME,))


def a_city() -> Door:
    """Return a door behind which one resident lives; the clerk of his area asks."""
    door = Door()
    door.app = NgsiLd(door.broker, lambda _: Act(ADMIN, "registry"))
    sample: dict[str, Any] = VOCAB.sample("Resident") | {
        "id": RESIDENT,
        "scope": HOME,
        "ageBand": {"type": "VocabProperty", "vocab": "a80up"},
        "fullName": {"type": "Property", "value": NAME},
        "telephone": {"type": "Property", "value": PHONE},
        "idType": {"type": "VocabProperty", "vocab": "residentId"},
        "idNumber": {"type": "Property", "value": NUMBER},
    }
    made = door.ask("POST", "/entities", raw=write_json(sample), headers={"content-type": "application/ld+json"})
    assert made.status == 201, made.body
    door.app = NgsiLd(door.broker, lambda _: Act(CLERK, "registry"))
    return door


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/entities", {"type": "Resident"}),
        ("/entities", {"type": "Resident", "format": "simplified"}),
        ("/entities", {"type": "Resident", "format": "concise"}),
        ("/entities", {"type": "Resident", "id": RESIDENT}),
        (f"/entities/{RESIDENT}", {}),
        (f"/entities/{RESIDENT}", {"format": "simplified"}),
        (f"/entities/{RESIDENT}/attrs/telephone/value", {}),
        (f"/temporal/entities/{RESIDENT}", {}),
        ("/temporal/entities", {"type": "Resident"}),
    ],
)
def test_no_answer_holds_a_whole_telephone_name_or_number(path: str, query: dict[str, str]) -> None:
    door = a_city()
    said = door.ask("GET", path, None, **query)
    assert said.status < 500
    for word in (PHONE, PHONE[3:], NUMBER, NAME):
        assert word.encode() not in said.body, (path, query)
    if path == "/entities" and "format" not in query:
        assert b"****1234" in said.body
        assert "欧**".encode() in said.body


@pytest.mark.parametrize("q", ['telephone=="+8613812341234"', 'idNumber=="11010519491231002X"', 'fullName=="欧阳测试"'])
def test_what_is_masked_is_found_by_no_question(q: str) -> None:
    found = a_city().ask("GET", "/entities", None, type="Resident", q=q)
    assert found.status >= 400 or found.json == []
