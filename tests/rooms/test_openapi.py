"""The OpenAPI document: whole, without contradictions, and the same from the same routes."""

from __future__ import annotations

import re

from linli.base import read_json
from linli.web._ngsild import ROUTES
from linli.web._openapi import openapi
from linli.web._openapi_forms import ANSWERS, BODIES, PARAMETERS

DOCUMENT = read_json(openapi(ROUTES), bytes_max=1 << 20)
OPERATIONS = [one for methods in DOCUMENT["paths"].values() for one in methods.values()]


def test_every_route_is_described():
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert len(described) == sum(len(methods) for methods in ROUTES.values())
    assert all(one["summary"] for one in OPERATIONS)


def test_every_operation_has_a_name_of_its_own():
    names = [one["operationId"] for one in OPERATIONS]
    assert sorted(names) == sorted(set(names))


def test_every_reference_leads_somewhere():
    for reference in set(re.findall(rb'"#/([^"]+)"', openapi(ROUTES))):
        place = DOCUMENT
        for part in reference.decode().split("/"):
            place = place[part]


def test_every_path_parameter_is_declared_once():
    for path, methods in DOCUMENT["paths"].items():
        wanted = re.findall(r"\{(\w+)\}", path)
        assert len(wanted) == len(set(wanted))
        for operation in methods.values():
            assert [one["name"] for one in operation["parameters"] if one.get("in") == "path"] == wanted


def test_every_query_parameter_has_its_words():
    known = {name for methods in ROUTES.values() for route in methods.values() for name in route.known}
    assert known - PARAMETERS.keys() == set()


def test_every_body_and_every_answer_has_a_form():
    operations = {(method, path) for path, methods in ROUTES.items() for method in methods}
    assert {one for one in operations if one[0] in ("POST", "PATCH", "PUT")} - BODIES.keys() == set()
    assert {one for one in operations if one[0] in ("POST", "GET")} - ANSWERS.keys() == set()


def test_the_order_of_the_routes_does_not_matter():
    assert openapi(dict(reversed(ROUTES.items()))) == openapi(ROUTES)
