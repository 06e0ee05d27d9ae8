"""Lines: who changes an entity waits for those who came before, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from linli.broker._lines import Lines


@asynccontextmanager
async def standing(lines: Lines, *ids: Sequence[str], said: list[int]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Start one task for each list of ids; each says its number when its turn comes, and keeps it for one round."""

    async def turn(number: int, of: Sequence[str]) -> None:
        async with lines.turn("default", of):
            said.append(number)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(turn(number, of)) for number, of in enumerate(ids)]
    await asyncio.sleep(0)
    yield tasks
    await asyncio.gather(*tasks, return_exceptions=True)


async def free(lines: Lines, *ids: str) -> bool:
    """Tell whether nobody stands in any of these lines."""
    async with asyncio.timeout(5), lines.turn("default", ids):
        return True


def test_everybody_has_a_turn_in_the_order_of_coming() -> None:
    async def story() -> None:
        lines, said = Lines(), list[int]()
        async with standing(lines, ["a"], ["a"], ["b"], ["a"], said=said):
            assert said == [0, 2]
        assert said == [0, 2, 1, 3]
        assert await free(lines, "a", "b")

    asyncio.run(story())


def test_those_who_want_the_same_two_never_wait_for_each_other() -> None:
    async def story() -> None:
        lines, said = Lines(), list[int]()
        async with standing(lines, ["a", "b"], ["b", "a"], ["b"], ["a", "a"], said=said):
            pass
        assert sorted(said) == [0, 1, 2, 3]
        assert await free(lines, "a", "b")

    asyncio.run(story())


def test_who_goes_away_while_waiting_holds_up_nobody() -> None:
    async def story() -> None:
        lines, said = Lines(), list[int]()
        async with standing(lines, ["a"], ["a"], ["a"], said=said) as tasks:
            tasks[1].cancel()
        assert said == [0, 2]
        assert await free(lines, "a")

    asyncio.run(story())


def test_who_goes_away_in_the_moment_of_being_called_calls_the_next() -> None:
    async def story() -> None:
        lines, said = Lines(), list[int]()
        first = lines.turn("default", ["a", "b"])
        await first.__aenter__()
        async with standing(lines, ["a", "b"], ["a"], ["b"], said=said) as tasks:
            await first.__aexit__(None, None, None)
            tasks[0].cancel()
        assert sorted(said) == [1, 2]
        assert await free(lines, "a", "b")

    asyncio.run(story())


def test_tenants_stand_in_lines_of_their_own() -> None:
    async def story() -> None:
        lines = Lines()
        async with asyncio.timeout(5), lines.turn("one", ["a"]), lines.turn("other", ["a"]):
            pass

    asyncio.run(story())
