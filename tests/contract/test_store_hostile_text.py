"""What is written to harm a database is kept and found as the text that it is, in every engine."""

from __future__ import annotations

import pytest

from linli.store import Change, Find, Put, Store

pytestmark = pytest.mark.anyio
AT_US = 1_800_000_000_000_000
HOSTILE = [
    "'; DROP TABLE entity; --",
    "' OR '1'='1",
    '" OR ""="',
    "%",
    "_",
    "\\",
    "a'||(SELECT 1)||'",
    "$1; DELETE FROM log",
    "{0} %s :name ?",
]


async def test_hostile_text_is_found_as_itself_and_changes_nothing_else(store: Store) -> None:
    for at, said in enumerate(HOSTILE):
        put = Put(f"urn:x:{said}", (said,), ("/cn",), b'{"at":%d}' % at, keys=(("name", said),))
        await store.commit(Change(tenant="default", actor=said, purpose=said, at_us=AT_US, puts=(put,)))
    for at, said in enumerate(HOSTILE):
        wanted = [(f"urn:x:{said}", b'{"at":%d}' % at)]
        for find in (Find(ids=(f"urn:x:{said}",)), Find(types=(said,)), Find(keys=(("name", (said,)),))):
            assert [(one.entity_id, one.doc) for one in await store.find("default", find)] == wanted
    assert await store.head("default") == len(HOSTILE)
