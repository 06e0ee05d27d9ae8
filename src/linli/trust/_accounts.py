"""Accounts: who may sign in, in which role, for which areas. How somebody proves that he is it stands in other files."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from linli.base.errors import ResourceNotFound
from linli.store import DropRecord, PutRecord

from ._asked import Principal
from ._node_key import NodeSecret
from ._records import TENANT, Records, put

KIND, WAY = "account", "way-in"
LABEL_LETTERS_MAX = 80
_NONCE_BYTES = 12

#: roles that people are invited to; the others belong to programs, or to whoever has no account
STAFF = (
    "city_official",
    "officer",
    "clerk",
    "community_worker",
    "grid_worker",
    "seat",
    "guard",
    "dispatcher",
    "doctor",
    "counsellor",
    "analyst",
    "privacy_officer",
    "auditor",
    "administrator",
)
#: roles of people who sign in for themselves, each with an entity of his own
OWN = ("resident", "guardian", "helper", "courier")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in.

    `person`: the entity that he is, for residents and helpers. `label`: the name by which the administrator knows the
    account; sealed by the node's own key. `ways`: the hashes of what finds this account (a phone, a subject of the
    identity provider). `passkeys`: the hashes of their ids. `made_by`: the principal who invited him.
    """

    id: str
    role: str
    scopes: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    organisation: str = ""
    tenant: str = TENANT
    person: str = ""
    label: str = ""
    ways: tuple[str, ...] = ()
    passkeys: tuple[str, ...] = ()
    made_by: str = ""
    made_us: int = 0
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class WayIn:
    """What leads from the hash of a phone number, a card or a subject to its account."""

    account: str


class Accounts:
    """The accounts of this node."""

    def __init__(self, records: Records, secret: NodeSecret) -> None:
        """Keep them in these records; labels are sealed, and what leads to an account is hashed, under the node's key."""
        self._records = records
        self._secret = secret
        self._cipher = AESGCM(secret.derived("labels of accounts"))

    async def get(self, account_id: str) -> Account | None:
        """Return an account as it stands."""
        kept = await self._records.read(KIND, account_id, Account)
        return kept.doc if kept else None

    async def all(self) -> AsyncIterator[Account]:
        """Yield every account, the oldest first."""
        after = 0
        while page := await self._records.page(KIND, Account, after=after):
            after = page[-1][0]
            for _, _, account in page:
                yield account

    def drafted(self, account: Account, ways: tuple[str, ...] = ()) -> tuple[PutRecord, ...]:
        """Return the writes that make an account that does not exist yet, to be committed with what led to it."""
        made = replace(account, ways=ways)
        return put(KIND, account.id, made, 0), *(put(WAY, way, WayIn(account.id), 0, quiet=True) for way in ways)

    def labelled(self, account: Account, label: str) -> Account:
        """Return the account with its label, sealed."""
        return replace(account, label=self._sealed(account.id, label))

    async def change(self, account_id: str, **changed: object) -> Account:
        """Change an account; what it names anew holds from the next request of everybody who is signed in to it.

        Raises: ResourceNotFound. Conflict: somebody else changed it meanwhile.
        """
        kept = await self._records.read(KIND, account_id, Account)
        if kept is None:
            raise ResourceNotFound("There is no such account.")
        account = replace(kept.doc, **changed)  # type: ignore[arg-type]  # the names are those of Account
        await self._records.write(put(KIND, account_id, account, kept.version))
        return account

    async def drop(self, account_id: str) -> None:
        """Remove an account and all that leads to it. Raises: ResourceNotFound, Conflict."""
        kept = await self._records.read(KIND, account_id, Account)
        if kept is None:
            raise ResourceNotFound("There is no such account.")
        ways = (DropRecord(WAY, way, quiet=True) for way in kept.doc.ways)
        await self._records.write(DropRecord(KIND, account_id, kept.version), *ways)

    async def by_way(self, way: str) -> Account | None:
        """Return the account to which a way leads."""
        kept = await self._records.read(WAY, way, WayIn)
        return await self.get(kept.doc.account) if kept else None

    def way(self, kind: str, value: str) -> str:
        """Return the hash under which a phone number or a subject leads to its account."""
        return self._secret.blind(f"way:{kind}:{value}")

    def label_of(self, account: Account) -> str:
        """Return an account's label in clear; "" when it was sealed by another node's key."""
        if not account.label:
            return ""
        sealed = base64.b64decode(account.label)
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], account.id.encode())
        except InvalidTag:
            return ""
        return plain.decode()

    def principal(self, account: Account) -> Principal:
        """Return as whom an account acts: as the person that it is, else under its own id."""
        return Principal(
            account.person or account.id,
            account.role,
            account.scopes,
            name=self.label_of(account),
            tenant=account.tenant,
            gates=account.gates,
            organisation=account.organisation,
        )

    def _sealed(self, account_id: str, label: str) -> str:
        if not label:
            return ""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, label.encode(), account_id.encode())).decode()


def new_account_id() -> str:
    """Return a fresh id, which tells nothing of whom it stands for."""
    return f"account:{secrets.token_hex(12)}"
