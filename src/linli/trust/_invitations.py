"""Invitations: a link by which somebody gets an account in one role, for one area, until a day; good once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from linli.base import SECOND_US, Clock
from linli.base.errors import BadRequestData, ResourceNotFound
from linli.store import DropRecord, PutRecord

from ._accounts import LABEL_LETTERS_MAX, OWN, STAFF, Account, Accounts, new_account_id
from ._records import Records, digest, put

KIND = "invitation"
DAY_US = 24 * 3600 * SECOND_US
DAYS, DAYS_MAX = 7, 30
#: roles without an area see nothing, so they need one; an analyst of a whole city names the city
_ROLES = frozenset(STAFF) | frozenset(OWN)


@dataclass(frozen=True, slots=True)
class Invitation:
    """An account that is still to be, kept under the hash of the link's secret; its label is sealed already."""

    account: Account
    until_us: int
    by: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An open invitation as a list shows it."""

    id: str
    account: Account
    label: str
    until_us: int
    by: str


class Invitations:
    """Makes, lists and withdraws invitations, and tells what is in one."""

    def __init__(self, records: Records, accounts: Accounts, wall: Clock) -> None:
        """Keep them in these records; they end by the wall clock."""
        self._records = records
        self._accounts = accounts
        self._wall = wall

    async def make(self, account: Account, label: str, by: str, *, days: float = DAYS) -> str:
        """Return the secret of a new link. `account`: role, areas and the rest of what he will be; its id is made here.

        Raises: BadRequestData: no such role, no area, a person missing, or an end too far away.
        """
        if account.role not in _ROLES:
            raise BadRequestData("role: nobody can be invited to this role.")
        if account.role in OWN and not account.person:
            raise BadRequestData("person: name the Resident or Helper who he is.")
        if account.role in STAFF and not account.scopes:
            raise BadRequestData("scopes: name the areas for which he works.")
        if account.role == "guard" and not account.gates:
            raise BadRequestData("gates: name the gates at which he stands.")
        if not 0 < days <= DAYS_MAX:
            raise BadRequestData(f"days: more than 0 and at most {DAYS_MAX}.")
        if len(label) > LABEL_LETTERS_MAX:
            raise BadRequestData(f"label: at most {LABEL_LETTERS_MAX} letters.")
        made = replace(account, id=new_account_id(), made_by=by)
        invitation = Invitation(self._accounts.labelled(made, label), self._wall.now_us() + round(days * DAY_US), by)
        secret = secrets.token_urlsafe(32)
        await self._records.write(put(KIND, digest(secret), invitation, 0), actor=by)
        return secret

    async def open(self, secret: str) -> Invitation:
        """Return what an invitation says. Raises: ResourceNotFound: used, withdrawn, too old, or never made."""
        kept = await self._records.read(KIND, digest(secret), Invitation)
        if kept is None or kept.doc.until_us <= self._wall.now_us():
            raise ResourceNotFound("This invitation is used, withdrawn or too old. Ask for a new one.")
        return kept.doc

    def accepted(
        self, secret: str, invitation: Invitation, account: Account, ways: tuple[str, ...] = ()
    ) -> tuple[PutRecord | DropRecord, ...]:
        """Return the writes that make the account and use the invitation up, to be committed with the first sign-in."""
        made = replace(account, id=invitation.account.id, made_us=self._wall.now_us())
        return (DropRecord(KIND, digest(secret)), *self._accounts.drafted(made, ways))

    async def listed(self) -> list[Listed]:
        """Return the open invitations, the oldest first; those that are too old are removed."""
        found, over, after, now = [], [], 0, self._wall.now_us()
        while page := await self._records.page(KIND, Invitation, after=after):
            after = page[-1][0]
            for _, record_id, one in page:
                if one.until_us <= now:
                    over.append(DropRecord(KIND, record_id))
                else:
                    label = self._accounts.label_of(one.account)
                    found.append(Listed(record_id, one.account, label, one.until_us, one.by))
        if over:
            await self._records.write(*over)
        return found

    async def withdraw(self, record_id: str) -> None:
        """Take an invitation back. Raises: ResourceNotFound."""
        await self._records.write(DropRecord(KIND, record_id))
