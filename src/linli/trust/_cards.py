"""Household cards: a printed number and eight digits, which sign a device of one household in for a year.

For people who have no telephone of their own, or want no codes. A community worker gives the card out at the door. The
number is no secret; the eight digits are, and can be guessed only as fast as `Delays` lets anybody. A card that is withdrawn
ends every sign-in that it made.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from linli.base import Clock
from linli.base.errors import ResourceNotFound, SignInNeeded
from linli.store import DropRecord, PutRecord

from ._accounts import Account, Accounts
from ._node_key import NodeSecret
from ._records import Records, put

KIND = "card"
#: letters and digits that nobody takes for one another
_LETTERS = "23456789CFHJKMPRTWXY"
_NUMBER_LETTERS = 6
_WRONG = "The card's number or its digits are wrong, or the card was withdrawn."


@dataclass(frozen=True, slots=True)
class Card:
    """One card, under its number; its digits are hashed with the node's key."""

    account: str
    digits: str
    by: str
    made_us: int


@dataclass(frozen=True, slots=True)
class Printed:
    """What stands on a new card; it is shown once and kept nowhere."""

    number: str
    digits: str


class Cards:
    """Gives cards out, checks and withdraws them."""

    def __init__(self, records: Records, accounts: Accounts, wall: Clock, secret: NodeSecret) -> None:
        """Keep them in these records."""
        self._records = records
        self._accounts = accounts
        self._wall = wall
        self._secret = secret

    async def give(self, account: Account, made: tuple[PutRecord, ...], by: str) -> Printed:
        """Give out a card for an account; `made`: the writes that make the account where it is new."""
        number = "".join(secrets.choice(_LETTERS) for _ in range(_NUMBER_LETTERS))
        printed = Printed(number, f"{secrets.randbelow(10**8):08d}")
        card = Card(account.id, self._hash(number, printed.digits), by, self._wall.now_us())
        await self._records.write(put(KIND, number, card, 0), *made, actor=by)
        return printed

    async def check(self, number: str, digits: str) -> Account:
        """Return the account of a card. Raises: SignInNeeded: number or digits are wrong, or the card is withdrawn."""
        number, digits = spelt(number), "".join(one for one in digits if one.isdecimal())
        card = await self.get(number)
        kept = card.digits if card else secrets.token_hex(16)
        same = secrets.compare_digest(kept, self._hash(number, digits))
        account = await self._accounts.get(card.account) if card and same else None
        if account is None or account.blocked:
            raise SignInNeeded(_WRONG)
        return account

    async def meant(self, number: str) -> tuple[str, ...]:
        """Return the ids of those as whom a card signs in: none where there is no such card."""
        card = await self.get(number)
        account = await self._accounts.get(card.account) if card else None
        return (self._accounts.principal(account).id,) if account else ()

    async def account(self, number: str) -> Account:
        """Return the account of a card. Raises: ResourceNotFound."""
        card = await self.get(spelt(number))
        account = await self._accounts.get(card.account) if card else None
        if account is None:
            raise ResourceNotFound("There is no card of this number.")
        return account

    async def get(self, number: str) -> Card | None:
        """Return a card that was not withdrawn."""
        kept = await self._records.read(KIND, number, Card)
        return kept.doc if kept else None

    async def withdraw(self, number: str, by: str) -> None:
        """Withdraw a card. Raises: ResourceNotFound."""
        await self._records.write(DropRecord(KIND, spelt(number)), actor=by)

    def _hash(self, number: str, digits: str) -> str:
        return self._secret.blind(f"card:{number}:{digits}")


def spelt(number: str) -> str:
    """Return a card's number as it is kept, however somebody typed it."""
    return "".join(one for one in number.upper() if one in _LETTERS)
