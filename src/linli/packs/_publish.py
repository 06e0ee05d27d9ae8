"""Every kind of service stands as a ServiceKind entity, so that others can read by NGSI-LD what this node offers."""

from __future__ import annotations

from typing import Any

from linli.broker import Broker, Draft
from linli.dispatch import Kind
from linli.trust import Act

from ._packs import Packs

PREFIX = "urn:ngsi-ld:ServiceKind:"


async def publish(packs: Packs, broker: Broker, act: Act, scope: str) -> int:
    """Write the ServiceKind entities that are missing or changed, and return how many were written."""
    standing = {one.id: one for one in await broker.read_all(act, "ServiceKind")}
    drafts = []
    for kind in packs.kinds.values():
        values = _values(kind)
        found = standing.get(PREFIX + kind.key)
        if found is None:
            drafts.append(Draft(PREFIX + kind.key, "ServiceKind", values, scopes=(scope,), expect_version=0))
        elif any(found.values.get(name) != value for name, value in values.items()):
            drafts.append(Draft(found.id, "ServiceKind", values, expect_version=found.version))
    if drafts:
        await broker.write(act, drafts)
    return len(drafts)


def _values(kind: Kind) -> dict[str, Any]:
    values = {
        "code": kind.key,
        "pack": f"{kind.pack}@{kind.pack_version}",
        "title": kind.title,
        "urgency": kind.urgency,
        "arriveWithin": None if kind.desk else kind.arrive_within_min,
        "answerWithin": kind.answer_within_min,
        "skills": list(kind.skills) or None,
        "shortNumber": kind.short or None,
    }
    return {name: value for name, value in values.items() if value is not None}
