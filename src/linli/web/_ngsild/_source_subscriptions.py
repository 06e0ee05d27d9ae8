"""Subscriptions to registrations of sources: create, read, list, change, delete."""

from __future__ import annotations

from urllib.parse import quote

from linli.base import write_json
from linli.base.errors import BadRequestData

from ._desk import Desk, Route, Routes, with_context, with_contexts
from ._http import ROOT, Answer, Asked, number_of, options_of, page_links, truth_of

LIMIT_DEFAULT, OFFSET_MAX = 20, 10_000_000
_SYS_ATTRS = frozenset({"sysAttrs"})
_SHOWING = frozenset({"options"})


async def create(desk: Desk, asked: Asked) -> Answer:
    """Subscribe to registrations of sources; the answer names the subscription in Location."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    act = desk.act(asked, creates=True)
    subscription_id = await desk.broker.create_source_subscription(act, body, terms, asked.base)
    location = f"{ROOT}/csourceSubscriptions/{quote(subscription_id, safe=':')}"
    return Answer(201, headers=[(b"location", location.encode())])


async def listed(desk: Desk, asked: Asked) -> Answer:
    """List subscriptions to registrations, page by page, with what was counted of them."""
    said = asked.parameters
    limit = number_of(said, "limit", LIMIT_DEFAULT, desk.broker.caps.page_entities)
    offset, count = number_of(said, "offset", 0, OFFSET_MAX), truth_of(said, "count")
    if limit == 0 and not count:
        raise BadRequestData("limit: 0 is allowed together with count=true only.")
    terms, sys_attrs = await desk.linked(asked), _sys_attrs(asked)
    page, total = await desk.broker.list_source_subscriptions(
        desk.act(asked), terms, limit=limit, offset=offset, sys_attrs=sys_attrs
    )
    answer = with_contexts(asked, terms, page)
    answer.headers.extend(page_links(asked, limit, offset, more=total > offset + limit, documents=True))
    if count:
        answer.headers.append((b"ngsild-results-count", b"%d" % total))
    return answer


async def get(desk: Desk, asked: Asked) -> Answer:
    """Read a subscription to registrations, with what was counted of it."""
    terms, sys_attrs = await desk.linked(asked), _sys_attrs(asked)
    act = desk.act(asked)
    shown = await desk.broker.get_source_subscription(act, asked.segments[1], terms, sys_attrs=sys_attrs)
    return with_context(asked, terms, write_json(shown))


async def update(desk: Desk, asked: Asked) -> Answer:
    """Change members of a subscription to registrations; null takes one away."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    await desk.broker.update_source_subscription(desk.act(asked), asked.segments[1], body, terms)
    return Answer(204)


async def delete(desk: Desk, asked: Asked) -> Answer:
    """End a subscription to registrations."""
    await desk.broker.delete_source_subscription(desk.act(asked), asked.segments[1])
    return Answer(204)


def _sys_attrs(asked: Asked) -> bool:
    return bool(options_of(asked.parameters, _SYS_ATTRS))


ROUTES: Routes = {
    ("csourceSubscriptions",): {
        "POST": Route(create),
        "GET": Route(listed, _SHOWING | {"limit", "offset", "count"}),
    },
    ("csourceSubscriptions", "{}"): {
        "GET": Route(get, _SHOWING),
        "PATCH": Route(update),
        "DELETE": Route(delete),
    },
}
