"""NGSI-LD 4.5.6 to 4.5.9 and 4.5.19: the forms in which an evolution is written."""

from __future__ import annotations

from typing import Any

import pytest
from ngsild_door import CONTEXT_REL, CORE
from temporal_door import ALL_TIME, BUOY, EVOLUTIONS, Log, at, buoy, seen

POINT = {"type": "Point", "coordinates": [117.0, 36.5]}
SPECIAL = {
    "hull": {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-01-01T00:00:00Z"}},
    "owner": {"type": "Relationship", "object": "urn:ngsi-ld:Port:1"},
    "place": {"type": "GeoProperty", "value": POINT},
    "label": {"type": "LanguageProperty", "languageMap": {"en": "north", "zh": "北"}},
    "raw": {"type": "JsonProperty", "json": {"a": [1, {"b": 2}]}},
    "state": {"type": "VocabProperty", "vocab": "afloat"},
    "depths": {"type": "ListProperty", "valueList": [1, 2, 3]},
    "lane": {"type": "ListRelationship", "objectList": ["urn:ngsi-ld:Mark:1", "urn:ngsi-ld:Mark:2"]},
}


def a_log(**attrs: Any) -> Log:
    log = Log()
    log.tell(buoy(**attrs))
    return log


def test_4_5_7_every_attribute_is_a_list_of_instances_with_their_ids() -> None:
    reply = a_log(swell=seen(1, 8), drift=[seen("N", 8), seen("E", 9, unitCode="DD")]).past().json
    assert [len(reply[attr]) for attr in ("swell", "drift")] == [1, 2]
    for instance in (*reply["swell"], *reply["drift"]):
        assert instance.pop("instanceId").startswith("urn:ngsi-ld:Instance:")
    assert reply == buoy(swell=[seen(1, 8)], drift=[seen("N", 8), seen("E", 9, unitCode="DD")])


def test_4_5_7_the_stores_own_times_are_shown_when_asked_for() -> None:
    log = a_log(swell=seen(1, 8))
    assert "createdAt" not in str(log.past().json)
    reply = log.past(options="sysAttrs").json
    assert {"createdAt", "modifiedAt"} <= reply.keys() & reply["swell"][0].keys()


@pytest.mark.parametrize(
    ("attr", "expected"),
    [
        ("hull", {"type": "Property", "values": [["2026-01-01T00:00:00Z", at(8)]]}),
        ("owner", {"type": "Relationship", "objects": [["urn:ngsi-ld:Port:1", at(8)]]}),
        ("place", {"type": "GeoProperty", "values": [[POINT, at(8)]]}),
        (
            "label",
            {
                "type": "LanguageProperty",
                "languageMaps": [[{"languageMap": {"en": "north", "zh": "北"}}, at(8)]],
            },
        ),
        ("raw", {"type": "JsonProperty", "jsons": [[{"json": {"a": [1, {"b": 2}]}}, at(8)]]}),
        ("state", {"type": "VocabProperty", "vocabs": [[{"vocab": "afloat"}, at(8)]]}),
        ("depths", {"type": "ListProperty", "valueLists": [[[1, 2, 3], at(8)]]}),
        (
            "lane",
            {"type": "ListRelationship", "objectLists": [[["urn:ngsi-ld:Mark:1", "urn:ngsi-ld:Mark:2"], at(8)]]},
        ),
    ],
)
def test_4_5_9_each_type_has_its_own_list_of_pairs(attr: str, expected: dict[str, Any]) -> None:
    log = a_log(**{attr: {**SPECIAL[attr], "observedAt": at(8)}})
    assert log.past(format="temporalValues").json[attr] == expected
    normal = log.past().json[attr][0]
    assert normal["type"] == expected["type"]


def test_4_5_9_datasets_have_lists_of_their_own() -> None:
    log = a_log(swell=[seen(1, 8), seen(2, 8, datasetId="urn:d:1"), seen(3, 9)])
    assert log.past(format="temporalValues").json["swell"] == [
        {"type": "Property", "values": [[1, at(8)], [3, at(9)]]},
        {"type": "Property", "datasetId": "urn:d:1", "values": [[2, at(8)]]},
    ]
    for dataset, values in (("@none", [1, 3]), ("urn:d:1", [2]), ("@none,urn:d:1", [1, 2, 3]), ("urn:d:2", [])):
        assert log.values("swell", datasetId=dataset) == values
        found = log.all_past(datasetId=dataset).json
        assert [len(one["swell"]) for one in found] == ([len(values)] if values else [])


def test_4_5_9_a_pair_says_the_time_that_was_asked_for() -> None:
    log = Log()
    log.make(buoy(swell=seen(1, 8)))
    query = {"format": "temporalValues", "timeproperty": "modifiedAt"}
    assert log.past(**query).json["swell"]["values"] == [[1, "2026-11-23T02:15:07Z"]]


@pytest.mark.parametrize(
    ("kind", "gone"),
    [
        ("owner", {"object": "urn:ngsi-ld:null"}),
        ("place", {"value": "urn:ngsi-ld:null"}),
        ("label", {"languageMap": {"@none": "urn:ngsi-ld:null"}}),
        ("raw", {"json": "urn:ngsi-ld:null"}),
        ("state", {"vocab": "urn:ngsi-ld:null"}),
        ("depths", {"valueList": ["urn:ngsi-ld:null"]}),
        ("lane", {"objectList": ["urn:ngsi-ld:null"]}),
    ],
)
def test_4_5_7_a_deleted_attribute_keeps_its_type(kind: str, gone: dict[str, Any]) -> None:
    log = Log()
    log.make(buoy(**{kind: SPECIAL[kind]}))
    log.later()
    assert log.ask("DELETE", f"/entities/{BUOY}/attrs/{kind}").status == 204
    [instance] = log.past(timeproperty="deletedAt").json[kind]
    del instance["instanceId"]
    assert instance == {"type": SPECIAL[kind]["type"], "deletedAt": "2026-11-23T02:16:07Z", **gone}
    assert len(log.past().json[kind]) == 2


def test_4_5_18_one_language_is_shown_when_asked_for() -> None:
    log = a_log(label={**SPECIAL["label"], "observedAt": at(8)})
    [label] = log.past(lang="zh").json["label"]
    assert (label["type"], label["value"], label["lang"]) == ("Property", "北", "zh")
    assert log.past(lang="zh", format="temporalValues").json["label"] == {
        "type": "Property",
        "values": [["北", at(8)]],
    }


def sums(log: Log, **query: str) -> Any:
    reply = log.past(**({"format": "aggregatedValues", "aggrMethods": "sum"} | query))
    assert reply.status == 200, reply.body
    return reply.json


SWELL = [seen(1, 8, 30), seen(2, 9, 20), seen(4, 9, 40), seen(8, 12)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [[15.0, at(8, 30), at(12)]]),
        ({"timerel": "between", "timeAt": at(6), "endTimeAt": at(10)}, [[7.0, at(6), at(10)]]),
        ({"timerel": "before", "timeAt": at(10)}, [[7.0, at(8, 30), at(10)]]),
        (
            {"aggrPeriodDuration": "PT1H"},
            [[3.0, at(8, 30), at(9, 30)], [4.0, at(9, 30), at(10, 30)], [8.0, at(11, 30), at(12, 30)]],
        ),
        (
            {"aggrPeriodDuration": "PT1H", "timerel": "after", "timeAt": at(9)},
            [[6.0, at(9), at(10)], [8.0, at(12), at(13)]],
        ),
        (
            {"aggrPeriodDuration": "P1M", "timerel": "after", "timeAt": "2026-03-31T00:00:00Z"},
            [[15.0, "2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z"]],
        ),
        ({"lastN": "2"}, [[12.0, at(9, 40), at(12)]]),
    ],
)
def test_4_5_19_sums_are_made_by_periods_from_the_start_of_the_interval(query: dict[str, str], expected: Any) -> None:
    assert sums(a_log(swell=SWELL), **query)["swell"] == {"type": "Property", "sum": expected}


def test_4_5_19_each_method_that_fits_the_values_is_shown() -> None:
    log = a_log(swell=SWELL, drift=[seen("N", 8), seen("E", 9)], place={**SPECIAL["place"], "observedAt": at(8)})
    reply = sums(log, aggrMethods="min,totalCount,avg")
    assert {method: reply["swell"][method][0][0] for method in ("min", "totalCount", "avg")} == {
        "min": 1.0,
        "totalCount": 4,
        "avg": 3.75,
    }
    assert {key: value[0][0] for key, value in reply["drift"].items() if key != "type"} == {"min": "E", "totalCount": 2}
    assert reply["place"].keys() == {"type", "totalCount"}
    assert "drift" not in sums(log, aggrMethods="avg")


def test_4_5_19_datasets_are_summed_up_apart_and_deletions_not_at_all() -> None:
    log = a_log(swell=[seen(1, 8), seen(5, 9, datasetId="urn:d:1"), seen("urn:ngsi-ld:null", 10)])
    assert [(one.get("datasetId"), one["sum"][0][0]) for one in sums(log)["swell"]] == [(None, 1.0), ("urn:d:1", 5.0)]
    assert sums(log, datasetId="urn:d:1")["swell"]["sum"][0][0] == 5.0


def test_4_5_19_what_stands_now_is_summed_up_with_what_was() -> None:
    log = Log()
    log.make(buoy(swell=seen(1, 8), salt={"type": "Property", "value": 7}))
    assert {attr: sums(log)[attr]["sum"][0][0] for attr in ("swell", "salt")} == {"swell": 1.0, "salt": 7.0}
    log.later()
    log.ask("PATCH", f"/entities/{BUOY}/attrs", {"swell": seen(2, 9)})
    log.tell(buoy(swell=[seen(4, 7)]), 204)
    assert sums(log)["swell"]["sum"] == [[7.0, at(7), at(9)]]
    assert sums(log, timerel="after", timeAt=at(8))["swell"]["sum"][0][0] == 3.0


def test_4_5_19_only_what_happened_while_a_scope_held_is_summed_up() -> None:
    scope = [{"type": "Property", "value": name, "observedAt": at(hour)} for name, hour in (("/A", 6), ("/B", 9))]
    log = a_log(swell=SWELL, drift=[seen("N", 8), seen("E", 12)], scope=scope)
    query = {"format": "aggregatedValues", "aggrMethods": "totalCount,sum", "scopeQ": "/A", **ALL_TIME}
    [one] = log.all_past(**query).json
    assert (one["swell"]["sum"][0][0], one["drift"]["totalCount"][0][0]) == (1.0, 1)


def test_6_3_6_the_context_goes_with_an_evolution() -> None:
    log = a_log(swell=seen(1, 8))
    assert log.past().header("link") == f"<{CORE}>; {CONTEXT_REL}"
    accept = {"accept": "application/ld+json"}
    one = log.ask("GET", f"{EVOLUTIONS}/{BUOY}", headers=accept)
    assert (one.json["@context"], one.header("content-type")) == (CORE, "application/ld+json")
    assert log.ask("GET", EVOLUTIONS, headers=accept, type="Buoy", **ALL_TIME).json[0]["@context"] == CORE
    context = {"@context": {"wave": "https://uri.etsi.org/ngsi-ld/default-context/swell"}}
    body = {**buoy(wave=seen(2, 9)), **context}
    assert log.ask("POST", EVOLUTIONS, body, headers={"content-type": "application/ld+json"}).status == 204
    assert log.values("swell") == [1, 2]
