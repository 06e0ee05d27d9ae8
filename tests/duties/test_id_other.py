"""id_other: other papers than the citizen's number are taken wherever it is, no law's paper is needed to be somebody, and
none to call."""

from __future__ import annotations

import pytest

from linli.dispatch import CallRequest
from linli.vocab import Judge, vocabulary

VOCAB = vocabulary()
KINDS = sorted(VOCAB.lists["id_type"].codes)


def with_paper(kind: str, number: str) -> list[str]:
    sample = VOCAB.sample("Resident")
    sample["idType"] = {"type": "VocabProperty", "vocab": kind}
    sample["idNumber"] = {"type": "Property", "value": number}
    return [fault.path for fault in Judge(VOCAB).verdict(sample).faults]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_paper_is_taken_and_only_the_citizens_number_is_held_to_its_form(kind: str) -> None:
    assert with_paper(kind, "990101194801010014") == []
    assert (with_paper(kind, "E12345678") == []) is (kind != "residentId")


def test_papers_of_others_stand_in_the_list() -> None:
    assert {"passport", "hkMacauPermit", "taiwanPermit", "foreignResident", "other"} <= set(KINDS)


def test_no_type_requires_a_paper() -> None:
    for entity in VOCAB.types.values():
        for name in ("idNumber", "idType"):
            assert name not in entity.attributes or not entity.attributes[name].required, entity.name


def test_a_press_asks_for_no_paper() -> None:
    asked = CallRequest.from_body({"kind": "elder.sos", "lon": 117.0, "lat": 36.6})
    assert not any("id" in name.lower().split("_") for name in asked.__dataclass_fields__)
