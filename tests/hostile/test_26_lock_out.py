"""Hostile test 26, the part about locking out: a stranger slows down himself, and nobody else; a call needs no sign-in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from town import LAT, LON, START_US, WEST, area_id, streets

from linli.app import Node, Plan, build
from linli.base import SECOND_US, Settings, SteppedClock
from linli.base.errors import TooOften
from linli.broker import Draft
from linli.travel import Network
from linli.trust import Somebody
from linli.trust._delays import Delays
from linli.web._people import LOOKING

PHONE = "13800001111"
PERSON = "urn:ngsi-ld:Resident:990101000000:00000000000000000000000ANN"
HOME = (LON + 0.010, LAT + 0.020)


class House:
    """A node on which people have accounts, with one resident; and browsers at different addresses."""

    def __init__(self, node: Node, wall: SteppedClock, heard: Callable[[], str]) -> None:
        self.node = node
        self.wall = wall
        self._heard = heard

    def browser(self, address: str = "203.0.113.7") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.node.web, client=(address, 40_000))
        return httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def later(self, seconds: int) -> None:
        self.wall.advance_to(self.wall.now_us() + seconds * SECOND_US)

    async def code(self) -> str:
        """Return the code of the newest message."""
        await self.node.doors.codes.settled()
        return re.findall(r"\d{6}(?=，|,)", self._heard())[-1]

    async def card(self) -> Any:
        """Give the resident's household a card."""
        account, made = await self.node.doors.codes.account_of(Somebody(PERSON, "resident", ("/cn",)))
        return await self.node.doors.asking.identity.cards.give(account, made, "worker")


@asynccontextmanager
async def a_house(folder: Path, heard: Callable[[], str]) -> AsyncIterator[House]:
    wall = SteppedClock(START_US)
    node = await build(
        Plan(folder, Settings(), lambda _: SteppedClock(START_US), wall, Network.from_streets(streets()),
             sign_in="accounts", sync="off", seed=7)
    )  # fmt: skip
    await node.start()
    try:
        yield House(node, wall, heard)
    finally:
        await node.stop()


@pytest.fixture
def told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[Callable[[House], Awaitable[None]]], None]:
    """Tell a story in a house."""

    def tell(story: Callable[[House], Awaitable[None]]) -> None:
        async def run() -> None:
            async with a_house(tmp_path, lambda: capfd.readouterr().err) as house:
                await register(house)
                await story(house)

        asyncio.run(run())

    return tell


async def register(house: House) -> None:
    """Put one resident into the register, as the office would."""
    values = {"fullName": "安娜", "telephone": "+8613800001111", "ageBand": "a80up", "homeArea": area_id(WEST)}
    await house.node.broker.write(LOOKING, [Draft(PERSON, "Resident", values, ("/cn/r99",))])


async def ask(browser: httpx.AsyncClient, phone: str = PHONE) -> httpx.Response:
    return await browser.post("/sign-in/code", data={"phone": phone})


def handle_in(page: httpx.Response) -> str:
    found = re.search(r'name="handle" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


async def enter(browser: httpx.AsyncClient, handle: str, code: str) -> httpx.Response:
    return await browser.post("/sign-in/code/check", data={"handle": handle, "code": code})


def test_26_a_resident_signs_in_by_a_code_and_sees_where(told) -> None:
    async def story(house: House) -> None:
        async with house.browser() as phone:
            asked = await ask(phone)
            assert asked.status_code == 200
            entered = await enter(phone, handle_in(asked), await house.code())
            assert (entered.status_code, entered.headers["location"]) == (303, "/")
            me = (await phone.get("/api/me")).json()
            assert (me["id"], me["role"]) == (PERSON, "resident")
            account = (await phone.get("/account")).text
            assert "本机" in account
            assert (await phone.post("/sign-out")).status_code == 303
            assert (await phone.get("/api/me")).json()["role"] == "caller"

    told(story)


def test_26_a_new_sign_in_has_a_new_word_and_ends_the_one_before(told) -> None:
    async def story(house: House) -> None:
        async with house.browser() as phone:
            words = []
            for _ in range(2):
                assert (await enter(phone, handle_in(await ask(phone)), await house.code())).status_code == 303
                words.append(phone.cookies["linli_login"])
                house.later(61)
            assert words[0] != words[1]
            assert (await phone.get("/api/me")).json()["role"] == "resident"
        async with house.browser() as other:
            old = {"cookie": f"linli_login={words[0]}"}
            assert (await other.get("/api/me", headers=old)).json()["role"] == "caller"
            asked = handle_in(await ask(other))
            form = {"phone": PHONE, "handle": asked, "code": await house.code()}
            chosen = {"cookie": "linli_login=chosen-by-somebody-else"}
            entered = await other.post("/sign-in/code/check", data=form, headers=chosen)
            assert entered.status_code == 303
            assert other.cookies["linli_login"] not in ("chosen-by-somebody-else", *words)

    told(story)


def test_26_a_stranger_who_asks_for_codes_all_day_leaves_the_resident_his_own(told) -> None:
    async def story(house: House) -> None:
        async with house.browser() as phone:
            assert (await enter(phone, handle_in(await ask(phone)), await house.code())).status_code == 303
            await phone.post("/sign-out")
            async with house.browser("198.51.100.9") as stranger:
                for _ in range(30):
                    house.later(3700 // 5)
                    await ask(stranger)
                refused = await ask(stranger)
                assert refused.status_code == 429
                assert int(refused.headers.get("retry-after", "1")) >= 1
            asked = await ask(phone)
            assert asked.status_code == 200
            assert (await enter(phone, handle_in(asked), await house.code())).status_code == 303

    told(story)


def test_26_a_stranger_s_wrong_codes_do_not_use_up_the_resident_s_tries(told) -> None:
    async def story(house: House) -> None:
        async with house.browser() as phone, house.browser("198.51.100.9") as stranger:
            handle = handle_in(await ask(phone))
            code = await house.code()
            for guess in range(20):
                await enter(stranger, "x" * 43, f"{guess:06d}")
            assert (await enter(phone, handle, code)).status_code == 303

    told(story)


def test_26_who_guesses_at_a_card_waits_longer_and_longer_while_its_household_signs_in(told) -> None:
    async def story(house: House) -> None:
        card = await house.card()
        async with house.browser("198.51.100.9") as stranger, house.browser() as home:
            said = []
            for guess in range(12):
                wrong = {"number": card.number, "digits": f"{(int(card.digits) + 1 + guess) % 10**8:08d}"}
                said.append((await stranger.post("/sign-in/card", data=wrong)).status_code)
            assert said == [401] * 3 + [429] * 9
            right = {"number": card.number.lower(), "digits": f"{card.digits[:4]} {card.digits[4:]}"}
            assert (await stranger.post("/sign-in/card", data=right)).status_code == 429
            signed_in = await home.post("/sign-in/card", data=right)
            assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/")
            assert "Max-Age=31536000" in signed_in.headers["set-cookie"]
            house.later(1)
            assert (await stranger.post("/sign-in/card", data=right)).status_code == 303

    told(story)


def test_26_a_press_is_taken_although_its_address_may_try_no_more_sign_ins(told) -> None:
    async def story(house: House) -> None:
        async with house.browser() as one:
            said = [(await ask(one, f"1390000{number:04d}")).status_code for number in range(25)]
            assert said[:20] == [200] * 20
            assert said[20:] == [429] * 5
            pressed = {"kind": "elder.sos", "lon": HOME[0], "lat": HOME[1], "mouth": "key"}
            call = await one.post("/api/calls", json=pressed, headers={"idempotency-key": "k"})
            assert call.status_code == 201
            watched = await one.get(f"/api/calls/{call.json()['id']}", headers={"linli-watch": call.json()["watch"]})
            assert watched.status_code == 200

    told(story)


def test_26_a_page_of_another_site_can_neither_sign_somebody_in_nor_out(told) -> None:
    async def story(house: House) -> None:
        card = await house.card()
        async with house.browser() as home:
            evil = {"origin": "https://evil.example"}
            right = {"number": card.number, "digits": card.digits}
            assert (await home.post("/sign-in/card", data=right, headers=evil)).status_code == 403
            assert (await home.post("/sign-in/card", data=right)).status_code == 303
            assert (await home.post("/sign-out", headers=evil)).status_code == 403
            assert (await home.get("/api/me")).json()["id"] == PERSON

    told(story)


@pytest.mark.parametrize(
    "onward", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", "evil"]
)
def test_26_after_signing_in_nobody_is_sent_to_another_site(told, onward: str) -> None:
    async def story(house: House) -> None:
        async with house.browser() as phone:
            handle = handle_in(await ask(phone))
            entered = await phone.post(
                "/sign-in/code/check", data={"handle": handle, "code": await house.code(), "next": onward}
            )
            assert (entered.status_code, entered.headers["location"]) == (303, "/")

    told(story)


def test_26_failures_are_forgotten_after_an_hour_and_of_an_ipv6_network_all_addresses_are_one() -> None:
    clock = SteppedClock(START_US)
    delays = Delays(clock)
    for number in range(8):
        delays.failed("card:A", f"2001:db8:1:2::{number}")
    with pytest.raises(TooOften) as refused:
        delays.check("card:A", "2001:db8:1:2:ffff::1")
    assert 1 <= refused.value.wait_s <= 900
    delays.check("card:A", "2001:db8:1:3::1")
    delays.check("card:B", "2001:db8:1:2::1")
    clock.advance_to(clock.now_us() + 3601 * SECOND_US)
    delays.check("card:A", "2001:db8:1:2::1")


def test_26_the_longest_wait_of_an_address_is_a_minute_and_of_an_account_there_a_quarter_of_an_hour() -> None:
    clock = SteppedClock(START_US)
    delays = Delays(clock)
    for _ in range(100):
        delays.failed("card:A", "203.0.113.7")
    with pytest.raises(TooOften) as here:
        delays.check("card:A", "203.0.113.7")
    with pytest.raises(TooOften) as beside:
        delays.check("card:B", "203.0.113.7")
    assert (here.value.wait_s, beside.value.wait_s) == (900, 60)
