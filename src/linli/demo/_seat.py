"""A seat: one made-up person at one device, signed in when needed and again when the sign-in is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from linli.client import Client, ClientProblem

OPERATOR = "operator"
_SIGN_IN_NEEDED = 401
_CONFLICT = 409
T = TypeVar("T")
Settle = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Wait for nothing: in a live demo life goes on beside a request."""


class Seat:
    """Asks the node as one person; after each answer `settle` is awaited, so that what follows from it has happened."""

    def __init__(self, door: Client, person: str, settle: Settle = at_once) -> None:
        """Sit down as `person`; nothing is sent yet."""
        self._settle = settle
        self.person = person
        self._door = door
        self._client: Client | None = None

    async def ask(self, question: Callable[[Client], Awaitable[T]]) -> T:
        """Ask one question as this person.

        Raises: ClientProblem, NodeUnreachable: as the client does.
        """
        try:
            return await self._asked(question)
        finally:
            await self._settle()

    async def signed_in(self) -> Client:
        """Return the client of this person."""
        if self._client is None:
            self._client = await self._door.sign_in(self.person)
        return self._client

    def leave(self) -> None:
        """Forget the sign-in: the next question signs in anew."""
        self._client = None

    async def _asked(self, question: Callable[[Client], Awaitable[T]]) -> T:
        try:
            return await question(await self.signed_in())
        except ClientProblem as problem:
            if problem.status != _SIGN_IN_NEEDED:
                raise
        self.leave()
        return await question(await self.signed_in())

    async def try_to(self, question: Callable[[Client], Awaitable[T]]) -> T | None:
        """Ask, and return None when somebody was faster or the moment has passed (409)."""
        try:
            return await self.ask(question)
        except ClientProblem as problem:
            if problem.status != _CONFLICT:
                raise
            return None
