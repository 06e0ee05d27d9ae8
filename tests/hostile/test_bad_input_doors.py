"""Bad input at the doors: each request gets a problem that names what is wrong, and nothing is written."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from town import EAST, LAT, LON, WEST, Town, a_helper, a_shift, a_town, helper_id

from linli.base import write_json

HOME = (LON + 0.010, LAT + 0.020)
PRESS: dict[str, Any] = {"kind": "elder.care_visit", "lon": HOME[0], "lat": HOME[1], "mouth": "app"}
NO_CALL = "urn:ngsi-ld:ServiceCall:990101000000:01JN0SUCHCA110000000000000"
NO_OFFER = "urn:ngsi-ld:Offer:990101000000:01JN0SUCH0FFER000000000000"


class Asked:
    """One town and plain HTTP to it, without the client that would not send such things."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(town.node.web), base_url="http://localhost")

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else b"" if body is None else write_json(body)
        told = {"content-type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.http.request(method, path, content=content, headers=told)

    async def as_helper(self) -> dict[str, str]:
        answer = await self.ask("POST", "/api/sign-in", {"person": helper_id(1)})
        return {"authorization": f"Bearer {answer.json()['token']}"}

    async def written(self) -> int:
        """Count the rows of the log that change something; that somebody was refused is written down, and is no change."""
        await self.town.settle()
        rows = await self.town.node.broker.log.rows_since(0, limit=10_000)
        return sum(row.kind != "audit" for row in rows)


def story(folder: Path, told) -> None:
    async def tell() -> None:
        async with a_town(folder) as town:
            await town.load(a_helper(1, WEST, *HOME), a_shift(1, WEST), a_helper(2, EAST, *HOME, duty="off"))
            asked = Asked(town)
            try:
                await told(asked)
            finally:
                await asked.http.aclose()

    asyncio.run(tell())


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and short type, after making sure that it is a problem that says something."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert set(body) == {"type", "title", "detail", "status"}
    assert body["status"] == answer.status_code
    assert len(body["detail"]) > 10
    assert "Traceback" not in body["detail"]
    return answer.status_code, body["type"].rsplit("/", 1)[1]


PRESSES: list[tuple[str, object, tuple[int, str], str]] = [
    ("outside the map", PRESS | {"lon": 10.0, "lat": 50.0}, (400, "OffMap"), "300 m"),
    ("an unknown kind", PRESS | {"kind": "elder.nothing"}, (400, "UnknownKind"), "kind"),
    ("no kind", {**PRESS, "kind": None}, (400, "BadRequestData"), "kind"),
    ("a kind that is a number", PRESS | {"kind": 7}, (400, "BadRequestData"), "kind"),
    ("no place", {"kind": "elder.care_visit", "mouth": "app"}, (400, "BadRequestData"), "lon"),
    ("a place in words", PRESS | {"lon": "here"}, (400, "BadRequestData"), "lon"),
    ("a place beyond the world", PRESS | {"lat": 91}, (400, "BadRequestData"), "lat"),
    ("a place that is a truth", PRESS | {"lat": True}, (400, "BadRequestData"), "lat"),
    ("an unknown mouth", PRESS | {"mouth": "pigeon"}, (400, "BadRequestData"), "mouth"),
    ("a text that is a list", PRESS | {"text": ["help"]}, (400, "BadRequestData"), "text"),
    ("an endless text", PRESS | {"text": "help " * 2000}, (400, "BadRequestData"), "text"),
    ("a time in words", PRESS | {"saidAt": "yesterday"}, (400, "BadRequestData"), "saidAt"),
    ("no JSON", b"{", (400, "InvalidRequest"), "JSON"),
    ("a list", [PRESS], (400, "InvalidRequest"), "object"),
    ("nothing", b"", (400, "InvalidRequest"), "JSON"),
    ("bytes that are no text", b'{"kind": "\xff\xfe"}', (400, "InvalidRequest"), "JSON"),
    ("a number that is none", b'{"kind": "elder.care_visit", "lon": NaN, "lat": 1}', (400, "InvalidRequest"), "JSON"),
    ("a nest without bottom", b"[" * 5000 + b"]" * 5000, (400, "InvalidRequest"), "JSON"),
    ("megabytes", b'{"text": "' + b"x" * 20_000_000 + b'"}', (413, "TooLarge"), "bytes"),
]


def test_a_wrong_press_is_refused_with_what_is_wrong_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async def told(asked: Asked) -> None:
        before = await asked.written()
        found = {}
        for name, body, _, word in PRESSES:
            answer = await asked.ask("POST", "/api/calls", body, Idempotency_Key=f"k {name}")
            found[name] = problem_of(answer), word in answer.json()["detail"]
        assert found == {name: (problem, True) for name, _, problem, _ in PRESSES}
        assert await asked.written() == before

    story(tmp_path, told)


def test_a_press_without_a_key_is_still_a_press_and_an_endless_key_is_none(tmp_path: Path) -> None:
    async def told(asked: Asked) -> None:
        first, second = [await asked.ask("POST", "/api/calls", PRESS) for _ in range(2)]
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json()["id"] == second.json()["id"]
        endless = await asked.ask("POST", "/api/calls", PRESS, Idempotency_Key="k" * 5000)
        assert problem_of(endless) == (400, "BadRequestData")
        assert "Idempotency-Key" in endless.json()["detail"]

    story(tmp_path, told)


def test_the_same_press_within_seconds_is_one_call(tmp_path: Path) -> None:
    async def told(asked: Asked) -> None:
        first = await asked.ask("POST", "/api/calls", PRESS, Idempotency_Key="one", Linli_Caller="b")
        again = await asked.ask("POST", "/api/calls", PRESS, Idempotency_Key="one", Linli_Caller="b")
        second = await asked.ask("POST", "/api/calls", PRESS, Idempotency_Key="two", Linli_Caller="b")
        assert (first.status_code, again.status_code, second.status_code) == (201, 200, 200)
        assert first.content == again.content
        assert first.json()["id"] == second.json()["id"]

    story(tmp_path, told)


def test_whoever_accepts_an_offer_that_is_gone_is_told_so(tmp_path: Path) -> None:
    async def told(asked: Asked) -> None:
        me = await asked.as_helper()
        placed = await asked.ask("POST", "/api/calls", PRESS, Idempotency_Key="one")
        await asked.town.settle()
        offer = (await asked.ask("GET", "/api/helpers/me", **me)).json()["offer"]["id"]
        watch = {"Linli_Watch": placed.json()["watch"]}
        cancelled = await asked.ask("POST", f"/api/calls/{placed.json()['id']}/cancel", {}, **watch)
        assert cancelled.status_code == 200
        gone = await asked.ask("POST", f"/api/offers/{offer}/accept", {}, **me)
        assert problem_of(gone) == (409, "OfferGone")
        late = await asked.ask("POST", f"/api/calls/{placed.json()['id']}/confirm", {}, **watch)
        assert problem_of(late) == (409, "NotNow")

    story(tmp_path, told)


STEPS = ("cancel", "confirm", "rate", "reopen", "depart", "arrive", "finish", "acknowledge", "offer")
WRONG: list[tuple[str, str, object, int]] = [
    *(
        ("POST", f"/api/calls/{NO_CALL}/{step}", {"stars": 3, "helper": helper_id(1), "reason": "x"}, 404)
        for step in STEPS
    ),
    ("POST", f"/api/calls/{NO_CALL}/dance", {}, 404),
    ("GET", f"/api/calls/{NO_CALL}", None, 404),
    ("GET", "/api/calls/nonsense", None, 404),
    ("GET", f"/api/calls/{NO_CALL}/candidates", None, 404),
    ("GET", f"/api/path?call={NO_CALL}", None, 404),
    ("GET", "/api/path", None, 400),
    ("POST", f"/api/offers/{NO_OFFER}/accept", {}, 404),
    ("POST", f"/api/offers/{NO_OFFER}/decline", {}, 404),
    ("POST", f"/api/offers/{helper_id(1)}/accept", {}, 404),
    ("POST", f"/api/helpers/{helper_id(1)}/position", {"lon": "x", "lat": 1}, 400),
    ("POST", f"/api/helpers/{helper_id(1)}/position", {"lon": 500, "lat": 1}, 400),
    ("POST", f"/api/helpers/{helper_id(1)}/duty", {"state": "asleep"}, 400),
    ("POST", f"/api/helpers/{helper_id(1)}/duty", {"state": ["off"]}, 400),
    ("POST", f"/api/helpers/{helper_id(2)}/position", {"lon": HOME[0], "lat": HOME[1]}, 404),
    ("POST", f"/api/helpers/{helper_id(2)}/duty", {"state": "off"}, 404),
    ("GET", "/api/calls?limit=many", None, 400),
    ("GET", "/api/calls?offset=-1", None, 400),
    ("GET", "/api/calls?state=asleep", None, 400),
    ("GET", "/api/circle?lon=0&lat=0", None, 400),
    ("GET", "/api/circle?lon=x&lat=0", None, 400),
    ("GET", f"/api/circle?lon={HOME[0]}&lat={HOME[1]}&minutes=-1", None, 400),
    ("GET", f"/api/circle?lon={HOME[0]}&lat={HOME[1]}&minutes=nan", None, 400),
    ("GET", f"/api/circle?lon={HOME[0]}&lat={HOME[1]}&minutes=99999", None, 400),
    ("GET", f"/api/circle?lon={HOME[0]}&lat={HOME[1]}&mode=fly", None, 400),
    ("GET", "/api/streets?box=1,2,3", None, 400),
    ("GET", "/api/streets?box=a,b,c,d", None, 400),
    ("GET", "/api/nothing", None, 404),
    ("DELETE", "/api/calls", None, 405),
    ("POST", "/api/sign-in", {"person": "nobody"}, 400),
    ("POST", "/api/sign-in", {"person": 5}, 400),
    ("POST", "/api/sign-in", {}, 400),
]


def test_every_door_refuses_what_is_wrong_and_writes_nothing(tmp_path: Path) -> None:
    async def told(asked: Asked) -> None:
        me = await asked.as_helper()
        before = await asked.written()
        unexpected = []
        for method, path, body, wanted in WRONG:
            answer = await asked.ask(method, path, body, **me)
            status = problem_of(answer)[0]
            assert (status == 405) == ("allow" in answer.headers)
            if status != wanted:
                unexpected.append((method, path, body, status, wanted))
        assert unexpected == []
        assert await asked.written() == before

    story(tmp_path, told)


@pytest.mark.parametrize("stars", [0, 6, -1, 2.5, "5", None, True, [5]])
def test_stars_are_whole_numbers_from_one_to_five(stars: object, tmp_path: Path) -> None:
    async def told(asked: Asked) -> None:
        me = await asked.as_helper()
        placed = (await asked.ask("POST", "/api/calls", PRESS, Idempotency_Key="one")).json()
        await asked.town.settle()
        offer = (await asked.ask("GET", "/api/helpers/me", **me)).json()["offer"]["id"]
        await asked.ask("POST", f"/api/offers/{offer}/accept", {}, **me)
        for step in ("depart", "arrive", "finish"):
            assert (await asked.ask("POST", f"/api/calls/{placed['id']}/{step}", {}, **me)).status_code == 200
        watch = {"Linli_Watch": placed["watch"]}
        await asked.ask("POST", f"/api/calls/{placed['id']}/confirm", {}, **watch)
        rated = await asked.ask("POST", f"/api/calls/{placed['id']}/rate", {"stars": stars}, **watch)
        assert problem_of(rated) == (400, "BadRequestData")
        assert "stars" in rated.json()["detail"]

    story(tmp_path, told)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(
    st.sampled_from(["kind", "lon", "lat", "mouth", "for", "text", "saidAt", "x"]), json_values, max_size=6
)


@pytest.mark.slow
def test_no_body_whatever_breaks_the_press(tmp_path: Path) -> None:
    async def told(asked: Asked) -> None:
        tried = []
        loop = asyncio.get_running_loop()

        async def press(body: dict[str, Any], good: set[str]) -> None:
            whole = {name: value for name, value in PRESS.items() if name in good} | body
            answer = await asked.ask("POST", "/api/calls", whole, Idempotency_Key=f"k{len(tried)}")
            tried.append(answer.status_code)
            assert answer.status_code in (200, 201) or problem_of(answer)[0] in (400, 403, 404), answer.text

        @settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
        @given(body=bodies, good=st.sets(st.sampled_from(sorted(PRESS))))
        def law(body: dict[str, Any], good: set[str]) -> None:
            asyncio.run_coroutine_threadsafe(press(body, good), loop).result(30)

        await asyncio.to_thread(law)
        assert len(tried) >= 300

    story(tmp_path, told)
