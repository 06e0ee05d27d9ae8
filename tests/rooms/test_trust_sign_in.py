"""Signing in, rule by rule: who stays signed in, who gets a code, what a card opens, what an invitation makes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from linli.base import MINUTE_US, SECOND_US, SteppedClock
from linli.base.errors import BadRequestData, NotAllowed, ResourceNotFound, SignInNeeded, TooOften, Unreachable
from linli.store import MemoryStore
from linli.trust import (
    AT_HOME,
    AT_WORK,
    CARD,
    IN_HOUSEHOLD,
    Account,
    ClientApp,
    Codes,
    GrantRefused,
    Identity,
    NodeSecret,
    Principal,
    Right,
    Somebody,
    read_row,
)

HOUR_US = 60 * MINUTE_US
PHONE, LANDLINE = "138 0000 1111", "+861066668888"
ANNA = Somebody("urn:ngsi-ld:Resident:1", "resident", ("/cn/r37",))
BEN = Somebody("urn:ngsi-ld:Resident:2", "resident", ("/cn/r37",))
BASE = "https://linli.example"


class Post:
    """Takes messages as a telephone network would; `down`: it refuses them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.down = False

    async def send(self, phone: str, text: str) -> None:
        if self.down:
            raise Unreachable
        self.sent.append((phone, text))

    @property
    def code(self) -> str:
        return self.sent[-1][1]


class House:
    """A node's sign-in over a store in memory, with two residents who share a telephone and one who has his own."""

    def __init__(self) -> None:
        self.clock = SteppedClock(1_800_000_000 * SECOND_US)
        self.store = MemoryStore()
        self.secret = NodeSecret(None)
        self.post = Post()
        self.register = {"+8613800001111": (ANNA,), "+8613800002222": (ANNA, BEN)}
        self.identity, self.codes = self.started()

    def started(self) -> tuple[Identity, Codes]:
        """Start anew on the same store, as after a restart."""
        identity = Identity(self.store, self.clock, self.clock, self.secret)

        async def people(number: str) -> tuple[Somebody, ...]:
            return self.register.get(number, ())

        return identity, identity.codes(self.post, people)

    def later(self, by_us: int) -> None:
        self.clock.advance_to(self.clock.now_us() + by_us)

    async def open(self, account: Account, **more: Any) -> str:
        """Return the id of a new sign-in."""
        who = self.identity.accounts.principal(account)
        token = await self.identity.logins.open(who, "code", AT_HOME, account=account.id, **more)
        return self.identity.login_id(token)

    async def account(self, role: str = "clerk", **more: Any) -> Account:
        """Return the account of somebody who accepted an invitation."""
        draft = Account("", role, ("/cn/r37",), **more)
        secret = await self.identity.invitations.make(draft, "desk 1", "administrator")
        invitation = await self.identity.invitations.open(secret)
        await self.identity.records.write(*self.identity.invitations.accepted(secret, invitation, invitation.account))
        account = await self.identity.accounts.get(invitation.account.id)
        assert account
        return account

    async def ask(self, phone: str = PHONE, **more: str) -> str:
        handle = await self.codes.ask(phone, "{code}", **more)
        await self.codes.settled()
        return handle

    async def audit(self) -> list[str]:
        rows = [read_row(one.row) for one in await self.store.audit_since("default", 0)]
        return [row.action for row in rows if row]


def told(story: Callable[[House], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(House())

    asyncio.run(run())


# sign-ins


def test_a_sign_in_outlives_a_restart_and_the_token_stands_nowhere() -> None:
    async def story(house: House) -> None:
        account = await house.account()
        who = house.identity.accounts.principal(account)
        token = await house.identity.logins.open(who, "passkey", AT_WORK, account=account.id, strong=True)
        again, _ = house.started()
        login_id = again.login_id(token)
        assert again.logins.held(login_id) is None
        login = await again.logins.refresh(login_id)
        assert login
        assert (login.who.role, login.who.name, login.strong) == ("clerk", "desk 1", True)
        documents = [one.doc for kind in ("login", "account") for one in await house.store.records("default", kind)]
        assert documents
        assert [one for one in documents if token.encode() in one or b"desk 1" in one] == []

    told(story)


def test_signing_out_is_at_once_and_everywhere_means_everywhere() -> None:
    async def story(house: House) -> None:
        account = await house.account()
        ids = [await house.open(account) for _ in range(3)]
        await house.identity.logins.close(ids[0])
        assert [house.identity.logins.held(one) is None for one in ids] == [True, False, False]
        assert [one.id for one in await house.identity.logins.of(account.id)] == [ids[2], ids[1]]
        assert await house.identity.logins.close_all(account.id, but=ids[2]) == 1
        assert [house.identity.logins.held(one) is None for one in ids] == [True, True, False]
        assert (await house.audit()).count("sign-out") == 2

    told(story)


def test_what_another_process_ended_is_over_here_within_a_second() -> None:
    async def story(house: House) -> None:
        login_id = await house.open(await house.account())
        other, _ = house.started()
        await other.logins.close(login_id)
        assert house.identity.logins.is_fresh(login_id)
        house.later(SECOND_US)
        assert not house.identity.logins.is_fresh(login_id)
        assert await house.identity.logins.refresh(login_id) is None

    told(story)


def test_another_role_holds_from_the_next_look_and_a_blocked_account_is_out() -> None:
    async def story(house: House) -> None:
        account = await house.account()
        login_id = await house.open(account)
        await house.identity.accounts.change(account.id, role="auditor", scopes=("/cn/r38",))
        house.later(SECOND_US)
        login = await house.identity.logins.refresh(login_id)
        assert login
        assert (login.who.role, login.who.scopes) == ("auditor", ("/cn/r38",))
        await house.identity.accounts.change(account.id, blocked=True)
        house.later(SECOND_US)
        assert await house.identity.logins.refresh(login_id) is None
        assert await house.store.record("default", "login", login_id) is None

    told(story)


def test_who_works_is_signed_out_after_four_idle_hours_and_after_twelve_in_all() -> None:
    async def story(house: House) -> None:
        account = await house.account()
        who = house.identity.accounts.principal(account)
        idle, busy = [
            house.identity.login_id(await house.identity.logins.open(who, "passkey", AT_WORK, account=account.id))
            for _ in range(2)
        ]
        for _ in range(11):
            house.later(HOUR_US)
            assert await house.identity.logins.refresh(busy)
        assert await house.identity.logins.refresh(idle) is None
        house.later(HOUR_US)
        assert await house.identity.logins.refresh(busy) is None

    told(story)


def test_a_household_device_stays_signed_in_for_a_year() -> None:
    async def story(house: House) -> None:
        account, made = await house.codes.account_of(ANNA)
        await house.identity.records.write(*made)
        who = house.identity.accounts.principal(account)
        token = await house.identity.logins.open(who, "card", IN_HOUSEHOLD, account=account.id)
        house.later(364 * 24 * HOUR_US)
        assert await house.identity.logins.refresh(house.identity.login_id(token))
        house.later(25 * HOUR_US)
        assert await house.identity.logins.refresh(house.identity.login_id(token)) is None

    told(story)


def test_an_account_has_at_most_twenty_sign_ins_and_the_oldest_gives_way() -> None:
    async def story(house: House) -> None:
        account = await house.account()
        ids = [await house.open(account) for _ in range(22)]
        assert [one.id for one in await house.identity.logins.of(account.id)] == ids[:1:-1]

    told(story)


# codes


def test_a_code_signs_the_resident_in_and_is_good_once() -> None:
    async def story(house: House) -> None:
        handle = await house.ask()
        assert house.post.sent[0][0] == "+8613800001111"
        right = await house.codes.check(handle, house.post.code)
        assert isinstance(right, Right)
        assert (right.account.person, right.account.role) == (ANNA.id, "resident")
        await house.open(right.account, more=right.writes)
        with pytest.raises(SignInNeeded):
            await house.codes.check(handle, house.post.code)
        house.later(2 * MINUTE_US)
        second = await house.codes.check(await house.ask(), house.post.code)
        assert isinstance(second, Right)
        assert second.account.id == right.account.id

    told(story)


def test_nobody_can_tell_by_the_answer_whether_a_number_is_known() -> None:
    async def story(house: House) -> None:
        known, unknown = await house.ask(), await house.ask(LANDLINE)
        assert len(known) == len(unknown)
        assert [number for number, _ in house.post.sent] == ["+8613800001111"]
        for handle in (known, unknown):
            with pytest.raises(SignInNeeded, match="wrong or too old"):
                await house.codes.check(handle, "nonsense")
        for phone in (PHONE, LANDLINE):
            with pytest.raises(TooOften):
                await house.ask(phone)

    told(story)


def test_a_code_dies_after_ten_minutes_and_after_five_wrong_tries() -> None:
    async def story(house: House) -> None:
        handle = await house.ask()
        house.later(10 * MINUTE_US)
        with pytest.raises(SignInNeeded):
            await house.codes.check(handle, house.post.code)
        handle = await house.ask()
        for _ in range(5):
            with pytest.raises(SignInNeeded):
                await house.codes.check(handle, "nonsense")
        with pytest.raises(SignInNeeded):
            await house.codes.check(handle, house.post.code)

    told(story)


def test_a_number_gets_one_code_a_minute_five_an_hour_ten_a_day() -> None:
    async def story(house: House) -> None:
        waits = []
        for minute in range(24 * 60):
            try:
                await house.ask()
            except TooOften as error:
                waits.append(error.wait_s)
            if minute == 59:
                assert len(house.post.sent) == 5
            house.later(MINUTE_US)
        assert len(house.post.sent) == 10
        assert min(waits) > 0

    told(story)


def test_who_shares_a_number_says_who_he_is_after_the_code_was_right() -> None:
    async def story(house: House) -> None:
        handle = await house.ask("13800002222")
        assert await house.codes.check(handle, house.post.code) == (ANNA, BEN)
        assert await house.codes.check(handle, house.post.code, "urn:ngsi-ld:Resident:9") == (ANNA, BEN)
        right = await house.codes.check(handle, house.post.code, BEN.id)
        assert isinstance(right, Right)
        assert right.account.person == BEN.id

    told(story)


def test_a_message_that_does_not_go_out_is_not_told_to_the_one_who_asked() -> None:
    async def story(house: House) -> None:
        house.post.down = True
        assert await house.ask()
        with pytest.raises(BadRequestData, match="phone"):
            await house.ask("not a number")

    told(story)


# cards


def test_a_card_signs_a_household_in_until_it_is_withdrawn() -> None:
    async def story(house: House) -> None:
        account, made = await house.codes.account_of(ANNA)
        printed = await house.identity.cards.give(account, made, "worker")
        assert len(printed.digits) == 8
        spoken = f"{printed.number[:3].lower()} {printed.number[3:]}"
        found = await house.identity.cards.check(spoken, f"{printed.digits[:4]} {printed.digits[4:]}")
        assert found.person == ANNA.id
        login_id = await house.open(found, client=CARD + printed.number)
        with pytest.raises(SignInNeeded):
            await house.identity.cards.check(printed.number, f"{(int(printed.digits) + 1) % 10**8:08d}")
        with pytest.raises(SignInNeeded):
            await house.identity.cards.check("222222", printed.digits)
        documents = [one.doc for one in await house.store.records("default", "card")]
        assert [one for one in documents if printed.digits.encode() in one] == []
        await house.identity.cards.withdraw(printed.number, "worker")
        house.later(SECOND_US)
        assert await house.identity.logins.refresh(login_id) is None
        with pytest.raises(SignInNeeded):
            await house.identity.cards.check(printed.number, printed.digits)

    told(story)


# invitations


@pytest.mark.parametrize(
    ("account", "says"),
    [
        (Account("", "operator", ("/",)), "role"),
        (Account("", "engine", ("/",)), "role"),
        (Account("", "device", ("/",)), "role"),
        (Account("", "clerk"), "scopes"),
        (Account("", "guard", ("/cn/r37",)), "gates"),
        (Account("", "resident", ("/cn/r37",)), "person"),
    ],
    ids=lambda one: one if isinstance(one, str) else one.role,
)
def test_an_invitation_names_a_role_that_people_have_and_all_that_it_needs(account: Account, says: str) -> None:
    async def story(house: House) -> None:
        with pytest.raises(BadRequestData, match=f"^{says}"):
            await house.identity.invitations.make(account, "", "administrator")

    told(story)


def test_an_invitation_is_good_once_until_its_day_and_until_it_is_withdrawn() -> None:
    async def story(house: House) -> None:
        invitations = house.identity.invitations
        draft = Account("", "seat", ("/cn/r37",))
        used, late, withdrawn = [await invitations.make(draft, "seat", "administrator", days=2) for _ in range(3)]
        listed = await invitations.listed()
        assert [(one.label, one.account.role) for one in listed] == [("seat", "seat")] * 3
        invitation = await invitations.open(used)
        await house.identity.records.write(*invitations.accepted(used, invitation, invitation.account))
        await invitations.withdraw(listed[2].id)
        for secret in (used, withdrawn, "never made"):
            with pytest.raises(ResourceNotFound):
                await invitations.open(secret)
        assert await invitations.open(late)
        house.later(48 * HOUR_US)
        with pytest.raises(ResourceNotFound):
            await invitations.open(late)
        assert await invitations.listed() == []
        with pytest.raises(BadRequestData, match="days"):
            await invitations.make(draft, "", "administrator", days=31)

    told(story)


# apps and tablets


def pkce() -> tuple[str, str]:
    verifier = "v" * 50
    return verifier, create_s256_code_challenge(verifier)


async def an_app(house: House) -> tuple[dict[str, str], str, str]:
    """Register an app, let a clerk allow it, and return (its question, its verifier, the code)."""
    await house.identity.clients.register(
        ClientApp("note-app", "app", "Notes", redirects=("https://app.example/back",))
    )
    verifier, challenge = pkce()
    said = {
        "response_type": "code",
        "client_id": "note-app",
        "redirect_uri": "https://app.example/back",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": "s",
        "nonce": "n",
        "scope": "openid linli",
    }
    wanted = await house.identity.provider.wanted(said)
    house.identity.provider.check_wanted(wanted, said)
    login = house.identity.logins.held(await house.open(await house.account()))
    assert login
    back = await house.identity.provider.allowed(wanted, login, BASE)
    assert back.startswith("https://app.example/back?code=")
    assert back.endswith("&iss=https%3A%2F%2Flinli.example&state=s")
    return said, verifier, back.split("code=")[1].split("&")[0]


def redeemed(code: str, verifier: str, **more: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "client_id": "note-app",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": "https://app.example/back",
        **more,
    }


def test_an_app_acts_for_the_person_who_let_it_until_he_signs_it_out() -> None:
    async def story(house: House) -> None:
        _, verifier, code = await an_app(house)
        provider = house.identity.provider
        answer = await provider.token(redeemed(code, verifier), BASE)
        login_id = house.identity.login_id(answer["access_token"])
        login = house.identity.logins.held(login_id)
        assert login
        assert (login.who.role, login.client, login.strong) == ("clerk", "note-app", False)
        assert answer["id_token"].count(".") == 2
        again = await provider.token(
            {"grant_type": "refresh_token", "client_id": "note-app", "refresh_token": answer["refresh_token"]}, BASE
        )
        assert house.identity.login_id(again["access_token"]) == login_id
        assert "note" in (await house.identity.logins.of(login.account))[0].on.lower()
        await house.identity.logins.close(login_id)
        with pytest.raises(GrantRefused, match="over"):
            await provider.token(
                {"grant_type": "refresh_token", "client_id": "note-app", "refresh_token": again["refresh_token"]}, BASE
            )

    told(story)


def test_a_code_or_a_refresh_token_that_is_shown_twice_ends_what_came_of_it() -> None:
    async def story(house: House) -> None:
        _, verifier, code = await an_app(house)
        provider = house.identity.provider
        answer = await provider.token(redeemed(code, verifier), BASE)
        login_id = house.identity.login_id(answer["access_token"])
        with pytest.raises(GrantRefused, match="used before"):
            await provider.token(redeemed(code, verifier), BASE)
        assert house.identity.logins.held(login_id) is None

    told(story)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "w" * 50},
        {"redirect_uri": "https://app.example/other"},
        {"client_id": "gate-tablet"},
        {"client_id": "nobody"},
        {"code": "x"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_code_is_of_use_only_to_the_app_that_asked_for_it(wrong: dict[str, str]) -> None:
    async def story(house: House) -> None:
        _, verifier, code = await an_app(house)
        with pytest.raises(GrantRefused):
            await house.identity.provider.token({**redeemed(code, verifier), **wrong}, BASE)
        assert await house.identity.provider.token(redeemed(code, verifier), BASE)

    told(story)


@pytest.mark.parametrize(
    "wrong",
    [{"response_type": "token"}, {"code_challenge_method": "plain"}, {"code_challenge": ""}, {"scope": "everything"}],
    ids=lambda one: next(iter(one)),
)
def test_an_app_without_a_challenge_or_with_other_wishes_gets_no_code(wrong: dict[str, str]) -> None:
    async def story(house: House) -> None:
        said, _, _ = await an_app(house)
        with pytest.raises(BadRequestData):
            await house.identity.provider.wanted({**said, "redirect_uri": "https://evil.example/back"})
        wanted = await house.identity.provider.wanted({**said, **wrong})
        with pytest.raises(GrantRefused):
            house.identity.provider.check_wanted(wanted, {**said, **wrong})

    told(story)


def test_a_gate_tablet_works_from_the_moment_that_a_clerk_approves_it_and_for_that_gate_alone() -> None:
    async def story(house: House) -> None:
        provider = house.identity.provider
        asked = await provider.device({"client_id": "gate-tablet"}, BASE, "Chrome · Android")
        poll = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "client_id": "gate-tablet",
            "device_code": asked["device_code"],
        }
        for code, wait_s in (("authorization_pending", 5), ("authorization_pending", 1), ("slow_down", 5)):
            with pytest.raises(GrantRefused) as refused:
                await provider.token(poll, BASE)
            assert refused.value.code == code
            house.later(wait_s * SECOND_US)
        assert (await provider.waiting(asked["user_code"].lower())).on == "Chrome · Android"
        guard = Principal("gate:1", "guard", ("/cn/r37",), gates=("urn:ngsi-ld:Gate:1",))
        await provider.decide(asked["user_code"], guard)
        with pytest.raises(ResourceNotFound):
            await provider.decide(asked["user_code"], guard)
        answer = await provider.token(poll, BASE)
        login = house.identity.logins.held(house.identity.login_id(answer["access_token"]))
        assert login
        assert (login.who.role, login.who.gates) == ("guard", ("urn:ngsi-ld:Gate:1",))
        with pytest.raises(GrantRefused):
            await provider.token(poll, BASE)

    told(story)


def test_a_device_that_is_turned_away_or_waits_too_long_gets_nothing() -> None:
    async def story(house: House) -> None:
        provider = house.identity.provider
        asked = await provider.device({"client_id": "gate-tablet"}, BASE, "")
        poll = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "client_id": "gate-tablet",
            "device_code": asked["device_code"],
        }
        await provider.decide(asked["user_code"], None)
        with pytest.raises(GrantRefused) as refused:
            await provider.token(poll, BASE)
        assert refused.value.code == "access_denied"
        late = await provider.device({"client_id": "gate-tablet"}, BASE, "")
        house.later(10 * MINUTE_US)
        with pytest.raises(ResourceNotFound):
            await provider.waiting(late["user_code"])

    told(story)


def test_a_passkey_is_not_the_last_way_in_that_can_be_thrown_away() -> None:
    async def story(house: House) -> None:
        account = await house.account()
        with pytest.raises(ResourceNotFound):
            await house.identity.passkeys.remove(account.id, "0" * 64)
        await house.identity.accounts.change(account.id, passkeys=("a" * 64,))
        with pytest.raises(NotAllowed):
            await house.identity.passkeys.remove(account.id, "a" * 64)

    told(story)
