"""Discovery: which types and attributes the entities here have."""

from __future__ import annotations

from linli.base import write_json
from linli.base.errors import ResourceNotFound
from linli.broker import MEMBERS, Terms, checked_name

from ._desk import Desk, Route, Routes, with_context, with_contexts
from ._http import Answer, Asked, truth_of

_ALL = frozenset({"details", "local"})
_ONE = frozenset({"local"})


async def types(desk: Desk, asked: Asked) -> Answer:
    """List the types that there are; `details=true` with their attributes."""
    terms = await desk.linked(asked)
    act = desk.act(asked)
    if truth_of(asked.parameters, "details"):
        return with_contexts(asked, terms, await desk.broker.types_in_detail(act, terms))
    names = await desk.broker.types(act, terms)
    body = {"id": "urn:ngsi-ld:EntityTypeList:here", "type": "EntityTypeList", "typeList": names}
    return with_context(asked, terms, write_json(body))


async def type_in_detail(desk: Desk, asked: Asked) -> Answer:
    """Describe one type: how many entities it has, and their attributes."""
    terms = await desk.linked(asked)
    found = await desk.broker.type_in_detail(desk.act(asked), _name(asked, terms), terms)
    return with_context(asked, terms, write_json(found))


async def attributes(desk: Desk, asked: Asked) -> Answer:
    """List the attributes that there are; `details=true` with the types that have them."""
    terms = await desk.linked(asked)
    act = desk.act(asked)
    if truth_of(asked.parameters, "details"):
        return with_contexts(asked, terms, await desk.broker.attributes_in_detail(act, terms))
    names = await desk.broker.attributes(act, terms)
    body = {"id": "urn:ngsi-ld:AttributeList:here", "type": "AttributeList", "attributeList": names}
    return with_context(asked, terms, write_json(body))


async def attribute_in_detail(desk: Desk, asked: Asked) -> Answer:
    """Describe one attribute: how often it stands, in which forms, and in which types."""
    terms = await desk.linked(asked)
    if asked.segments[1] in MEMBERS:
        raise ResourceNotFound("This is a member of every entity, and no attribute.")
    found = await desk.broker.attribute_in_detail(desk.act(asked), _name(asked, terms), terms)
    return with_context(asked, terms, write_json(found))


def _name(asked: Asked, terms: Terms) -> str:
    return terms.name(checked_name(asked.segments[1]))


ROUTES: Routes = {
    ("types",): {"GET": Route(types, _ALL)},
    ("types", "{}"): {"GET": Route(type_in_detail, _ONE)},
    ("attributes",): {"GET": Route(attributes, _ALL)},
    ("attributes", "{}"): {"GET": Route(attribute_in_detail, _ONE)},
}
