"""Hostile test 27: a passkey's proof that is shown twice, made elsewhere, or made by a copy of the key is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from authenticator import UP, Authenticator

from linli.base import MINUTE_US, SteppedClock
from linli.base.errors import LinliError, NotAllowed, SignInNeeded
from linli.store import MemoryStore
from linli.trust import AT_WORK, Account, Identity, NodeSecret, Site

SITE = Site("localhost", "http://localhost:8800")


@dataclass
class Door:
    """A node's sign-in with one clerk, who has one passkey."""

    clock: SteppedClock
    identity: Identity
    device: Authenticator
    account: Account

    async def options(self) -> dict[str, Any]:
        return await self.identity.passkeys.options(SITE)

    async def sign_in(self, said: dict[str, Any], site: Site = SITE) -> str:
        proved = await self.identity.passkeys.proved(site, said)
        who = self.identity.accounts.principal(proved.account)
        return await self.identity.logins.open(who, "passkey", AT_WORK, account=proved.account.id, more=proved.writes)


def at_the_door(story: Callable[[Door], Awaitable[None]]) -> None:
    async def told() -> None:
        clock = SteppedClock(1_800_000_000_000_000)
        identity = Identity(MemoryStore(), clock, clock, NodeSecret(None))
        secret = await identity.invitations.make(Account("", "clerk", ("/cn/r37",)), "desk 1", "somebody")
        invitation = await identity.invitations.open(secret)
        device = Authenticator(SITE.origin)
        options = await identity.passkeys.enrol_options(SITE, invitation.account, "desk 1")
        proved = await identity.passkeys.enrolled(SITE, invitation.account, device.make(options), "")
        writes = (*identity.invitations.accepted(secret, invitation, proved.account), *proved.writes)
        who = identity.accounts.principal(proved.account)
        await identity.logins.open(who, "passkey", AT_WORK, account=proved.account.id, more=writes)
        await story(Door(clock, identity, device, proved.account))

    asyncio.run(told())


def test_27_a_fresh_proof_signs_in_and_the_same_proof_a_second_time_does_not() -> None:
    async def story(door: Door) -> None:
        said = door.device.sign(await door.options())
        assert await door.sign_in(said)
        with pytest.raises(SignInNeeded):
            await door.sign_in(said)

    at_the_door(story)


def test_27_of_the_same_proof_shown_twice_at_one_moment_one_counts() -> None:
    async def story(door: Door) -> None:
        said = door.device.sign(await door.options())
        ended = await asyncio.gather(*(door.sign_in(said) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(one, str) for one in ended) == 1
        assert all(isinstance(one, str | LinliError) for one in ended)

    at_the_door(story)


def test_27_a_proof_for_another_origin_or_another_site_is_refused() -> None:
    async def story(door: Door) -> None:
        with pytest.raises(SignInNeeded):
            await door.sign_in(door.device.sign(await door.options(), origin="https://linli.evil.example"))
        elsewhere = Site("evil.example", "https://evil.example")
        said = door.device.sign(await door.identity.passkeys.options(elsewhere), origin=SITE.origin)
        with pytest.raises(SignInNeeded):
            await door.sign_in(said)

    at_the_door(story)


def test_27_a_counter_that_stands_still_betrays_a_copied_key() -> None:
    async def story(door: Door) -> None:
        copy = Authenticator(SITE.origin, door.device.key, door.device.credential, door.device.counter)
        assert await door.sign_in(door.device.sign(await door.options()))
        with pytest.raises(SignInNeeded):
            await door.sign_in(copy.sign(await door.options()))

    at_the_door(story)


def test_27_a_device_that_did_not_look_who_holds_it_is_refused() -> None:
    async def story(door: Door) -> None:
        with pytest.raises(SignInNeeded):
            await door.sign_in(door.device.sign(await door.options(), flags=UP))

    at_the_door(story)


def test_27_an_old_challenge_and_one_that_nobody_gave_are_refused() -> None:
    async def story(door: Door) -> None:
        said = door.device.sign(await door.options())
        door.clock.advance_to(door.clock.now_us() + 6 * MINUTE_US)
        with pytest.raises(SignInNeeded):
            await door.sign_in(said)
        with pytest.raises(SignInNeeded):
            await door.sign_in(door.device.sign({"rpId": SITE.name, "challenge": "AAAA"}))

    at_the_door(story)


def test_27_a_challenge_for_signing_in_makes_no_passkey_and_the_other_way_round() -> None:
    async def story(door: Door) -> None:
        other = Authenticator(SITE.origin)
        options = await door.options()
        with pytest.raises(NotAllowed):
            await door.identity.passkeys.add(
                SITE, door.account.id, other.make({**options, "rp": {"id": SITE.name}}), ""
            )
        enrol = await door.identity.passkeys.enrol_options(SITE, door.account, "desk 1")
        with pytest.raises(SignInNeeded):
            await door.sign_in(door.device.sign({"rpId": SITE.name, "challenge": enrol["challenge"]}))

    at_the_door(story)


def test_27_a_key_that_was_taken_from_the_account_opens_nothing() -> None:
    async def story(door: Door) -> None:
        spare = Authenticator(SITE.origin)
        options = await door.identity.passkeys.enrol_options(SITE, door.account, "desk 1")
        await door.identity.passkeys.add(SITE, door.account.id, spare.make(options), "")
        assert await door.sign_in(spare.sign(await door.options()))
        await door.identity.passkeys.remove(door.account.id, door.account.passkeys[0])
        with pytest.raises(SignInNeeded):
            await door.sign_in(door.device.sign(await door.options()))
        account = await door.identity.accounts.get(door.account.id)
        assert account
        with pytest.raises(NotAllowed):  # the last way in stays
            await door.identity.passkeys.remove(door.account.id, account.passkeys[0])

    at_the_door(story)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"id": 5},
        {"response": "x"},
        {"response": {"clientDataJSON": "%%%"}},
        {"response": {"clientDataJSON": "W10"}},
    ],
    ids=str,
)
def test_27_what_is_no_proof_at_all_is_refused_politely(said: dict[str, Any]) -> None:
    async def story(door: Door) -> None:
        with pytest.raises(SignInNeeded):
            await door.sign_in(said)

    at_the_door(story)
