"""Subscriptions: create, read, list, change, delete."""

from __future__ import annotations

from urllib.parse import quote

from linli.base import write_json
from linli.base.errors import BadRequestData

from ._desk import Desk, Route, Routes, with_context, with_contexts
from ._http import ROOT, Answer, Asked, number_of, options_of, page_links, truth_of

LIMIT_DEFAULT, OFFSET_MAX = 20, 10_000_000
_SYS_ATTRS = frozenset({"sysAttrs"})


async def create(desk: Desk, asked: Asked) -> Answer:
    """Subscribe to changes of entities; the answer names the subscription in Location."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    act = desk.act(asked, creates=True)
    subscription_id = await desk.broker.create_subscription(act, body, terms, asked.base)
    return Answer(201, headers=[(b"location", f"{ROOT}/subscriptions/{quote(subscription_id, safe=':')}".encode())])


async def listed(desk: Desk, asked: Asked) -> Answer:
    """List one's subscriptions, page by page, with what was counted of them."""
    said = asked.parameters
    limit = number_of(said, "limit", LIMIT_DEFAULT, desk.broker.caps.page_entities)
    offset, count = number_of(said, "offset", 0, OFFSET_MAX), truth_of(said, "count")
    if limit == 0 and not count:
        raise BadRequestData("limit: 0 is allowed together with count=true only.")
    sys_attrs = bool(options_of(said, _SYS_ATTRS))
    terms = await desk.linked(asked)
    act = desk.act(asked)
    page, total = await desk.broker.list_subscriptions(act, terms, limit=limit, offset=offset, sys_attrs=sys_attrs)
    answer = with_contexts(asked, terms, page)
    answer.headers.extend(page_links(asked, limit, offset, more=total > offset + limit))
    if count:
        answer.headers.append((b"ngsild-results-count", b"%d" % total))
    return answer


async def get(desk: Desk, asked: Asked) -> Answer:
    """Read a subscription, with what was counted of it."""
    sys_attrs = bool(options_of(asked.parameters, _SYS_ATTRS))
    terms = await desk.linked(asked)
    act = desk.act(asked)
    shown = await desk.broker.get_subscription(act, asked.segments[1], terms, sys_attrs=sys_attrs)
    return with_context(asked, terms, write_json(shown))


async def update(desk: Desk, asked: Asked) -> Answer:
    """Change members of a subscription; null takes one away."""
    body = await desk.body(asked)
    terms = await desk.terms_of(asked, body)
    await desk.broker.update_subscription(desk.act(asked), asked.segments[1], body, terms)
    return Answer(204)


async def delete(desk: Desk, asked: Asked) -> Answer:
    """End a subscription."""
    await desk.broker.delete_subscription(desk.act(asked), asked.segments[1])
    return Answer(204)


_READING = frozenset({"options"})
_WRITING = frozenset({"local"})

ROUTES: Routes = {
    ("subscriptions",): {
        "POST": Route(create, _WRITING),
        "GET": Route(listed, _READING | {"limit", "offset", "count", "local"}),
    },
    ("subscriptions", "{}"): {
        "GET": Route(get, _READING | {"local"}),
        "PATCH": Route(update, _WRITING),
        "DELETE": Route(delete, _WRITING),
    },
}
