"""Hostile test 26, limits: who asks too often waits, nobody else notices, and a press for help always gets through."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
from real_node import RealNode

LIMITS = ("--set", "limits.address_s=5", "--set", "limits.burst_s=2", "--set", 'web.proxies=["127.0.0.1"]')
ROOM = 5 * 2


def coming_from(address: str) -> dict[str, str]:
    return {"x-forwarded-for": address}


async def statuses(client: httpx.AsyncClient, times: int, path: str, address: str) -> list[httpx.Response]:
    asks = (client.get(path, headers=coming_from(address)) for _ in range(times))
    return list(await asyncio.gather(*asks))


def test_26_a_stranger_who_floods_is_told_to_wait_and_others_are_answered(tmp_path: Path) -> None:
    async def flood() -> None:
        node = RealNode(tmp_path, "--set", "trust.sign_in=accounts", *LIMITS)
        await node.start()
        try:
            async with httpx.AsyncClient(base_url=node.url, timeout=30) as client:
                replies = await statuses(client, 200, "/api/node", "203.0.113.9")
                counted = Counter(one.status_code for one in replies)
                assert counted.keys() == {200, 429}
                assert counted[200] >= ROOM
                assert counted[429] >= 100
                refused = next(one for one in replies if one.status_code == 429)
                assert refused.json()["type"].endswith("/TooOften")
                assert int(refused.headers["retry-after"]) >= 1
                others = await statuses(client, ROOM // 2, "/api/node", "198.51.100.7")
                assert {one.status_code for one in others} == {200}
                await statuses(client, 50, "/api/node", "203.0.113.9")
                press = {"kind": "elder.sos", "lon": 117.02, "lat": 36.66, "mouth": "key"}
                for turn in range(20):
                    reply = await client.post("/api/calls", json=press, headers=coming_from("203.0.113.9"))
                    assert reply.status_code == (200 if turn else 201)
        finally:
            await node.stop()

    asyncio.run(flood())
