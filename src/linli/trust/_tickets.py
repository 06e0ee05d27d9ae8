"""Tickets: secrets that are good once and for a short time, and what they stand for (a challenge, a code, an invitation).

A ticket is kept under the hash of its secret. Whoever takes it removes it in the same transaction as what he gets for it,
so it is good once, in however many processes it is shown at the same moment.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from linli.base import Clock
from linli.base.errors import AlreadyExists, Conflict, NotAllowed, ResourceNotFound
from linli.store import DropRecord, PutRecord

from ._records import Records, digest, put

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept:
    until_us: int
    doc: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Ticket(Generic[T]):
    """What a secret stands for. `used`: the write that uses it up, to be committed with what is given for it."""

    doc: T
    version: int
    used: DropRecord


class Tickets:
    """The tickets of one kind."""

    def __init__(self, records: Records, wall: Clock, kind: str, life_us: int) -> None:
        """Let each be good for `life_us` of the wall clock."""
        self._records = records
        self._wall = wall
        self._kind = "ticket:" + kind
        self._life_us = life_us

    async def issue(self, doc: object, *, secret: str = "", life_us: int = 0) -> str:
        """Keep what a secret stands for, and return the secret: a given one, else a fresh one.

        Raises: AlreadyExists: a given secret stands for something else already.
        """
        secret = secret or secrets.token_urlsafe(32)
        now = self._wall.now_us()
        await self._records.sweep(self._kind, _Kept, lambda one: one.until_us <= now)
        await self._records.write(self._put(secret, doc, now + (life_us or self._life_us), 0))
        return secret

    async def seen(self, secret: str, form: type[T]) -> Ticket[T] | None:
        """Return what a secret stands for, without using it up; None when its time is over or there is none."""
        record_id = digest(secret)
        kept = await self._records.read(self._kind, record_id, _Kept)
        if kept is None or kept.doc.until_us <= self._wall.now_us():
            return None
        doc = msgspec.json.decode(kept.doc.doc, type=form)
        return Ticket(doc, kept.version, DropRecord(self._kind, record_id, kept.version, quiet=True))

    async def take(self, secret: str, form: type[T]) -> T | None:
        """Use a secret up and return what it stood for; None when somebody was faster, too."""
        ticket = await self.seen(secret, form)
        if ticket is None:
            return None
        try:
            await self._records.write(ticket.used)
        except (Conflict, ResourceNotFound):
            return None
        return ticket.doc

    async def rewrite(self, secret: str, ticket: Ticket[T], doc: T) -> None:
        """Let a secret stand for something else until the end of its time. Raises: NotAllowed: somebody was faster."""
        kept = await self._records.read(self._kind, digest(secret), _Kept)
        try:
            if kept is not None:
                await self._records.write(self._put(secret, doc, kept.doc.until_us, ticket.version))
        except (AlreadyExists, Conflict, ResourceNotFound) as error:
            raise NotAllowed("This was used at the same moment elsewhere.") from error

    def _put(self, secret: str, doc: object, until_us: int, version: int) -> PutRecord:
        kept = _Kept(until_us, msgspec.Raw(msgspec.json.encode(doc)))
        return put(self._kind, digest(secret), kept, version, quiet=True)
