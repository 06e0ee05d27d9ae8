"""Forms of strings and rules between attributes: what the standard takes, and what it does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.base import scope_of_code
from linli.vocab import vocabulary
from linli.vocab._forms import FORMS, level_of

TAKEN = {
    "phone": [
        "13812345678",
        "138 1234 5678",
        "0531-88888888",
        "0531-88888888-802",
        "053188888888转802",
        "4001234567",
        "12345",
        "120",
        "+65 9123 4567",
        "+358 40 1234567",
        "00012345678",
    ],
    "region_code": ["370102001001", "370102001001-g03", "37010200100111220", "990100000000", "110000000000"],
    "uscc": ["91990101EXAMPL001D"],
    "citizen_id": ["990101194801010014"],
    "gb28181": ["37010200001320000001"],
    "scope": ["/cn", "/cn/r37/r3701", "/cn/r37/r3701/r370102/r370102001/r370102001001/g03", "/sg/north_east"],
    "opening_hours": [
        "24/7",
        "Mo-Fr 08:30-17:30; PH off",
        "Mo,We 09:00-12:00,14:00-18:00",
        "Sa[1] 10:00-12:00",
        "Apr-Oct Mo-Fr 09:00-18:00",
        "Dec 25-Jan 1 off",
        "sunrise-sunset",
        'Su,PH 10:00+ "ring twice"',
        "Fr 22:00-26:00",
    ],
}
REFUSED = {
    "phone": [
        "",
        "1",
        "12",
        "telephone",
        "138123456789012345",
        "+0 12 345",
        "１３８１２３４５６７８",
        "138-",
        "--------",
    ],
    "region_code": [
        "3701",
        "000000000000",
        "370102900001",
        "370102000001",
        "370102001001-3",
        "３７０１０２００１００１",
    ],
    "uscc": ["91990101EXAMPL0011", "91990101EXAMPL001", "91 990101 EXAMPL001D", "91990101exampl001d"],
    "citizen_id": ["990101194801010015", "990101194813010014", "000101194801010014", "99010119480101001"],
    "gb28181": ["3701020000132000000", "00010200001320000001"],
    "scope": ["cn", "/cn/37", "/cn/r37/r3801", "/cn/r3701", "/cn/r00", "/cn/r37/", "/cn/r37/r3701/g03", "/north east"],
    "opening_hours": ["", "; ;", "8am-5pm", "周一至周五", "Mon-Fri 08:00-17:00", "Mo-Fr 0830-1730", "25:99-30:00"],
}


@pytest.mark.parametrize(("form", "said"), [(form, said) for form, many in TAKEN.items() for said in many])
def test_what_is_well_formed_is_taken(form: str, said: str) -> None:
    assert FORMS[form](said)


@pytest.mark.parametrize(("form", "said"), [(form, said) for form, many in REFUSED.items() for said in many])
def test_what_is_not_well_formed_is_refused(form: str, said: str) -> None:
    assert not FORMS[form](said)


@given(
    form=st.sampled_from(sorted(FORMS)), said=st.text() | st.text(alphabet="0123456789-+ :;,MoFrPHg/rcn", max_size=60)
)
def test_no_text_makes_a_form_fall_over(form: str, said: str) -> None:
    assert FORMS[form](said) in {True, False}


@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 599), st.integers(1, 999), st.integers(2, 6))
def test_the_scope_of_a_region_code_is_a_scope(city: int, county: int, town: int, village: int, depth: int) -> None:
    code = f"37{city:02d}{county:02d}{town:03d}{village:03d}"[: (0, 0, 2, 4, 6, 9, 12)[depth]]
    assert FORMS["scope"](scope_of_code(code))
    assert FORMS["region_code"](code.ljust(12, "0"))


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("370000000000", "province"),
        ("370100000000", "city"),
        ("370102000000", "district"),
        ("370102001000", "street"),
        ("441900003000", "street"),
        ("370102001001", "community"),
        ("370102001001-g03", "grid"),
    ],
)
def test_the_length_of_a_code_says_its_level(code: str, level: str) -> None:
    assert level_of(code) == level


def prop(value: object) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def code(value: object) -> dict[str, Any]:
    return {"type": "VocabProperty", "vocab": value}


def found(type_name: str, whole: bool = False, **attrs: Any) -> list[tuple[str, str]]:
    return [(fault.path, fault.rule) for fault in vocabulary().check(type_name, attrs, whole=whole)]


EARLY, LATE = prop("2026-11-23T08:00:00Z"), prop("2026-11-23T17:30:00.5Z")
RULES = [
    ("Shift", {"from": EARLY, "to": LATE}, []),
    ("Shift", {"from": LATE, "to": EARLY}, [("to", "in_order")]),
    ("Shift", {"from": LATE, "to": prop("2026-11-23T17:30:00Z")}, []),
    ("Label", {"since": prop("2026-01-02"), "until": prop("2026-01-01")}, [("until", "in_order")]),
    ("Area", {"areaLevel": code("street"), "code": prop("370102001000")}, []),
    ("Area", {"areaLevel": code("city"), "code": prop("110000000000")}, []),
    ("Area", {"areaLevel": code("street"), "code": prop("370102001001")}, [("code", "level")]),
    ("Gate", {"methods": code(["face", "card"])}, []),
    ("Gate", {"methods": code("face")}, [("methods", "not_alone")]),
    ("Resident", {"idType": code("residentId"), "idNumber": prop("990101194801010014")}, []),
    ("Resident", {"idType": code("residentId"), "idNumber": prop("990101194801010015")}, [("idNumber", "citizen_id")]),
    ("Resident", {"idType": code("passport"), "idNumber": prop("E12345678")}, []),
    ("CrowdFlowObserved", {"peopleCount": prop(0)}, []),
    ("CrowdFlowObserved", {"peopleCount": prop(5)}, []),
    ("CrowdFlowObserved", {"peopleCount": prop(4)}, [("peopleCount", "cell")]),
    ("Kpi", {"kpiValue": prop(0.5), "denominator": prop(40), "minN": prop(10)}, []),
    ("Kpi", {"kpiValue": prop(0.5), "denominator": prop(9), "minN": prop(10)}, [("kpiValue", "enough")]),
    ("Kpi", {"denominator": prop(9), "minN": prop(10)}, []),
    ("Provider", {"uscc": prop("91990101EXAMPL0011")}, [("uscc", "uscc")]),
    ("Place", {"openingHours": prop(["24/7", "always"])}, [("openingHours.value[1]", "opening_hours")]),
    ("Resident", {"telephone": prop("no number")}, [("telephone", "phone")]),
]


@pytest.mark.parametrize(("type_name", "attrs", "faults"), RULES)
def test_what_belongs_together_is_judged_together(type_name: str, attrs: Any, faults: list[Any]) -> None:
    assert found(type_name, **attrs) == faults


def test_a_reading_gives_exactly_one_measure() -> None:
    reading = {
        "meter": {"type": "Relationship", "object": "urn:ngsi-ld:Meter:1"},
        "at": EARLY,
        "volume": {**prop(4), "unitCode": "MTQ"},
    }
    assert found("MeterReading", whole=True, **reading) == []
    assert found("MeterReading", whole=True, **reading, energy=prop(4)) == [("volume", "one_of")]
    del reading["volume"]
    assert found("MeterReading", whole=True, **reading) == [("volume", "one_of")]
    assert found("MeterReading", readBy=code("auto")) == []


def test_a_caller_is_not_turned_away_for_a_number_nobody_can_read() -> None:
    assert found("ServiceCall", callback=prop("床头那个")) == []
