"""Passkeys: a key that never leaves somebody's device, proved by signing a challenge of ours. Staff sign in so."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from linli.base import MINUTE_US, Clock
from linli.base.errors import BadRequestData, NotAllowed, ResourceNotFound, SignInNeeded
from linli.store import DropRecord, PutRecord

from ._accounts import KIND as ACCOUNT
from ._accounts import Account, Accounts
from ._records import Records, digest, put
from ._tickets import Tickets

KIND = "passkey"
LIFE_US = 5 * MINUTE_US
PASSKEYS_MAX = 10
_NOT_PROVED = "This passkey could not be checked. Try again; if it stays so, ask for a new invitation."


@dataclass(frozen=True, slots=True)
class Site:
    """As which site a browser knows this node: its name, and the origin of its pages."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey of an account. `uses`: the authenticator's own counter, 0 where it keeps none."""

    id: str
    account: str
    key: str
    uses: int
    on: str = ""
    made_us: int = 0
    used_us: int = 0


@dataclass(frozen=True, slots=True)
class _Challenge:
    """For what a challenge was made: to enrol a passkey of an account, or to sign in (`account` empty)."""

    account: str
    site: str


@dataclass(frozen=True, slots=True)
class Proved:
    """A proof that held. `writes` must be committed with what is given for it: so it works once."""

    account: Account
    writes: tuple[PutRecord | DropRecord, ...]


class Passkeys:
    """Enrols and checks passkeys."""

    def __init__(self, records: Records, accounts: Accounts, wall: Clock) -> None:
        """Keep them in these records."""
        self._records = records
        self._accounts = accounts
        self._wall = wall
        self._challenges = Tickets(records, wall, KIND, LIFE_US)

    # enrolling

    async def enrol_options(self, site: Site, account: Account, name: str) -> dict[str, Any]:
        """Return what the browser needs to make a passkey for an account (of an invitation: one that is still to be)."""
        challenge = await self._challenges.issue(_Challenge(account.id, site.name))
        options = webauthn.generate_registration_options(
            rp_id=site.name,
            rp_name="linli",
            user_name=name,
            user_display_name=name,
            user_id=account.id.encode(),
            challenge=base64url_to_bytes(challenge),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id)) for one in await self.of(account)
            ],
        )
        return dict(options_to_json_dict(options))

    async def enrolled(self, site: Site, account: Account, said: Mapping[str, Any], on: str) -> Proved:
        """Check a new passkey and return the writes that give it to the account.

        The account itself is not written: whoever calls writes it with `passkeys` as in the answer.
        Raises: NotAllowed: the answer does not fit the challenge, the site or itself.
        """
        challenge, used = await self._challenge(said, account.id, site)
        try:
            made = webauthn.verify_registration_response(
                credential=dict(said),
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=site.name,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise NotAllowed(_NOT_PROVED, why=type(error).__name__) from error
        if len(account.passkeys) >= PASSKEYS_MAX:
            raise BadRequestData(f"An account has at most {PASSKEYS_MAX} passkeys; remove one first.")
        passkey = Passkey(
            bytes_to_base64url(made.credential_id),
            account.id,
            base64.b64encode(made.credential_public_key).decode(),
            made.sign_count,
            on,
            self._wall.now_us(),
        )
        record_id = digest(passkey.id)
        changed = replace(account, passkeys=(*account.passkeys, record_id))
        return Proved(changed, (used, put(KIND, record_id, passkey, 0)))

    async def add(self, site: Site, account_id: str, said: Mapping[str, Any], on: str) -> None:
        """Give an account that exists one more passkey. Raises: NotAllowed, BadRequestData, ResourceNotFound."""
        kept = await self._records.read(ACCOUNT, account_id, Account)
        if kept is None:
            raise ResourceNotFound("There is no such account.")
        proved = await self.enrolled(site, kept.doc, said, on)
        await self._records.write(put(ACCOUNT, account_id, proved.account, kept.version), *proved.writes)

    async def remove(self, account_id: str, record_id: str) -> None:
        """Take a passkey from an account. Raises: ResourceNotFound: it is not his. NotAllowed: it is his last way in."""
        kept = await self._records.read(ACCOUNT, account_id, Account)
        if kept is None or record_id not in kept.doc.passkeys:
            raise ResourceNotFound("There is no such passkey.")
        left = tuple(one for one in kept.doc.passkeys if one != record_id)
        if not left and not kept.doc.ways:
            raise NotAllowed("This is the only way into the account; add another one first.")
        await self._records.write(
            put(ACCOUNT, account_id, replace(kept.doc, passkeys=left), kept.version), DropRecord(KIND, record_id)
        )

    async def of(self, account: Account) -> list[Passkey]:
        """Return the passkeys of an account."""
        found = [await self._records.read(KIND, one, Passkey) for one in account.passkeys]
        return [kept.doc for kept in found if kept is not None]

    # signing in

    async def options(self, site: Site) -> dict[str, Any]:
        """Return what the browser needs to sign in with any passkey of this site."""
        challenge = await self._challenges.issue(_Challenge("", site.name))
        options = webauthn.generate_authentication_options(
            rp_id=site.name,
            challenge=base64url_to_bytes(challenge),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return dict(options_to_json_dict(options))

    async def proved(self, site: Site, said: Mapping[str, Any]) -> Proved:
        """Check a signed challenge. Raises: SignInNeeded: it does not hold, was used, or nobody has this passkey."""
        challenge, used = await self._challenge(said, "", site)
        record_id = digest(str(said.get("id", "")))
        kept = await self._records.read(KIND, record_id, Passkey)
        account = await self._accounts.get(kept.doc.account) if kept else None
        if kept is None or account is None or account.blocked or record_id not in account.passkeys:
            raise SignInNeeded(_NOT_PROVED)
        try:
            proof = webauthn.verify_authentication_response(
                credential=dict(said),
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=site.name,
                expected_origin=site.origin,
                credential_public_key=base64.b64decode(kept.doc.key),
                credential_current_sign_count=kept.doc.uses,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise SignInNeeded(_NOT_PROVED, why=type(error).__name__) from error
        counted = replace(kept.doc, uses=proof.new_sign_count, used_us=self._wall.now_us())
        return Proved(account, (used, put(KIND, record_id, counted, kept.version)))

    # inside

    async def _challenge(self, said: Mapping[str, Any], account: str, site: Site) -> tuple[str, DropRecord]:
        """Return the challenge that an answer says it signed, if it is one of ours, for this, and still good."""
        challenge = _challenge_in(said)
        ticket = await self._challenges.seen(challenge, _Challenge) if challenge else None
        if ticket is None or (ticket.doc.account, ticket.doc.site) != (account, site.name):
            raise (NotAllowed if account else SignInNeeded)("This took too long, or was used before. Try again.")
        return challenge, ticket.used


def _challenge_in(said: Mapping[str, Any]) -> str:
    response = said.get("response")
    client = response.get("clientDataJSON") if isinstance(response, Mapping) else None
    if not isinstance(client, str):
        return ""
    try:
        return str(msgspec.json.decode(base64url_to_bytes(client), type=dict[str, Any]).get("challenge", ""))
    except (ValueError, msgspec.MsgspecError):
        return ""
