"""Hostile test 28, the other side: an identity provider whose tokens do not hold signs nobody in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from linli.base import MINUTE_US, SECOND_US, SteppedClock
from linli.base.errors import BadSetting, SignInNeeded, Unreachable
from linli.egress import Request, Response
from linli.store import MemoryStore
from linli.trust import NodeSecret, OtherProvider
from linli.trust._identity import Identity
from linli.trust._oidc import roles_in

ISSUER = "https://id.example"
BACK = "https://linli.example/sign-in/provider/back"
NOW_S = 1_800_000_000


class Provider:
    """A provider that says what a test wants: in the place of the way out, it answers what is asked of ISSUER."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "one"})
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.described: dict[str, Any] = {}
        self.nonce = ""
        self.asked: list[str] = []
        self.shown: list[dict[str, list[str]]] = []

    async def get(self, url: str, bytes_max: int, headers: Any = None) -> Response:
        self.asked.append(url)
        said: Any = {"keys": [self.key.as_dict(private=False)]}
        if url.endswith("/.well-known/openid-configuration"):
            ends = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
            said = {"issuer": ISSUER} | {name: f"{ISSUER}/{end}" for name, end in ends.items()} | self.described
        return Response(200, {}, orjson.dumps(said)[:bytes_max])

    async def send(self, request: Request) -> Response:
        self.asked.append(request.url)
        self.shown.append(parse_qs(request.body.decode()))
        said = {"iss": ISSUER, "aud": "linli", "sub": "li", "exp": NOW_S + 300, "iat": NOW_S, "groups": ["desk"]}
        claims = {name: one for name, one in {**said, "nonce": self.nonce, **self.claims}.items() if one is not None}
        token = jws.serialize_compact({"alg": "ES256", "kid": "one", **self.header}, orjson.dumps(claims), self.key)
        return Response(200, {}, orjson.dumps({"id_token": token}))


class Trip:
    """A node that signs people in by the provider, and one browser on its way."""

    def __init__(self) -> None:
        self.clock = SteppedClock(NOW_S * SECOND_US)
        self.provider = Provider()
        identity = Identity(MemoryStore(), self.clock, self.clock, NodeSecret(None))
        self.other = OtherProvider(
            identity.records, self.provider, self.clock, issuer=ISSUER, client_id="linli", client_secret="s"
        )

    async def begin(self) -> tuple[str, str]:
        url, browser = await self.other.start(BACK)
        query = {name: one for name, (one,) in parse_qs(urlsplit(url).query).items()}
        self.provider.nonce = query["nonce"]
        assert (query["code_challenge_method"], query["redirect_uri"]) == ("S256", BACK)
        return query["state"], browser

    async def end(self, state: str, browser: str, **more: str) -> Any:
        return await self.other.finished({"code": "c", "state": state, **more}, browser)


def told(story: Callable[[Trip], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(Trip())

    asyncio.run(run())


def test_28_whom_the_provider_names_is_known_and_the_verifier_goes_to_it_alone() -> None:
    async def story(trip: Trip) -> None:
        known = await trip.end(*await trip.begin())
        assert (known.subject, known.groups, known.strong) == ("li", ("desk",), False)
        assert len(trip.provider.shown[0]["code_verifier"][0]) >= 43
        assert {urlsplit(one).netloc for one in trip.provider.asked} == {"id.example"}

    told(story)


def test_28_more_than_a_password_counts_as_strong() -> None:
    async def story(trip: Trip) -> None:
        trip.provider.claims = {"amr": ["pwd", "otp"], "groups": "desk"}
        known = await trip.end(*await trip.begin())
        assert (known.strong, known.groups) == (True, ("desk",))

    told(story)


CLAIMS = {
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "other"},
    "two audiences and nobody named": {"aud": ["linli", "other"]},
    "named for another": {"azp": "other"},
    "no subject": {"sub": None},
    "over": {"exp": NOW_S - 60},
    "no end": {"exp": None},
    "made tomorrow": {"iat": NOW_S + 3600},
    "another nonce": {"nonce": "other"},
    "no nonce": {"nonce": None},
}


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
def test_28_a_token_of_the_provider_that_says_the_wrong_thing_signs_nobody_in(claims: dict[str, Any]) -> None:
    async def story(trip: Trip) -> None:
        trip.provider.claims = claims
        with pytest.raises(SignInNeeded):
            await trip.end(*await trip.begin())

    told(story)


@pytest.mark.parametrize(
    "header", [{"kid": "two"}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example"}]
)
def test_28_a_token_that_says_where_its_key_lies_is_refused_and_nobody_looks_there(header: dict[str, Any]) -> None:
    async def story(trip: Trip) -> None:
        trip.provider.header = header
        with pytest.raises(SignInNeeded):
            await trip.end(*await trip.begin())
        assert {urlsplit(one).netloc for one in trip.provider.asked} == {"id.example"}

    told(story)


def test_28_a_key_that_the_provider_does_not_publish_signs_nobody_in() -> None:
    async def story(trip: Trip) -> None:
        await trip.end(*await trip.begin())
        trip.provider.key = ECKey.generate_key("P-256", {"kid": "one"})
        with pytest.raises(SignInNeeded):
            await trip.end(*await trip.begin())

    told(story)


def test_28_keys_are_asked_for_again_once_a_minute_when_one_is_unknown() -> None:
    async def story(trip: Trip) -> None:
        await trip.end(*await trip.begin())
        trip.provider.key = ECKey.generate_key("P-256", {"kid": "two"})
        trip.provider.header = {"kid": "two"}
        for _ in range(5):
            with pytest.raises(SignInNeeded):
                await trip.end(*await trip.begin())
        assert trip.provider.asked.count(f"{ISSUER}/keys") == 1
        trip.clock.advance_to(trip.clock.now_us() + MINUTE_US)
        assert await trip.end(*await trip.begin())
        assert trip.provider.asked.count(f"{ISSUER}/keys") == 2

    told(story)


def test_28_a_state_is_good_once_for_ten_minutes_and_for_the_browser_that_began() -> None:
    async def story(trip: Trip) -> None:
        state, browser = await trip.begin()
        with pytest.raises(SignInNeeded):
            await trip.end(state, "another browser")
        with pytest.raises(SignInNeeded):  # the stranger used it up; the true browser begins anew
            await trip.end(state, browser)
        state, browser = await trip.begin()
        assert await trip.end(state, browser)
        with pytest.raises(SignInNeeded):
            await trip.end(state, browser)
        state, browser = await trip.begin()
        trip.clock.advance_to(trip.clock.now_us() + 10 * MINUTE_US)
        with pytest.raises(SignInNeeded):
            await trip.end(state, browser)

    told(story)


def test_28_an_answer_that_names_another_provider_or_an_error_signs_nobody_in() -> None:
    async def story(trip: Trip) -> None:
        for more in ({"iss": "https://evil.example"}, {"error": "access_denied"}):
            with pytest.raises(SignInNeeded):
                await trip.end(*await trip.begin(), **more)
        trip.provider.described = {"authorization_response_iss_parameter_supported": True}
        trip.clock.advance_to(trip.clock.now_us() + 61 * MINUTE_US)
        state, browser = await trip.begin()
        with pytest.raises(SignInNeeded):  # it says that it names itself, and did not
            await trip.end(state, browser)

    told(story)


@pytest.mark.parametrize("described", [{"issuer": "https://evil.example"}, {"token_endpoint": None}], ids=str)
def test_28_a_provider_that_describes_itself_as_another_is_not_asked_at_all(described: dict[str, Any]) -> None:
    async def story(trip: Trip) -> None:
        trip.provider.described = described
        with pytest.raises(Unreachable):
            await trip.begin()

    told(story)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("role = 5", "role"),
        ('[[role]]\ngroup = "a"\nrole = "operator"\nscopes = ["/"]', "role that is one of"),
        ('[[role]]\ngroup = "a"\nrole = "clerk"', "scopes"),
        ('[[role]]\ngroup = "a"\nrole = "clerk"\nscopes = "/"', "lists of texts"),
        ('[[role]]\ngroup = "a"\nrole = "clerk"\nscopes = ["/"]\nrank = 1', "no rank here"),
        ("[[role", "cannot be read"),
    ],
    ids=["no list", "nobody's role", "no area", "no list of areas", "unknown word", "no TOML"],
)
def test_28_a_file_of_roles_that_says_too_much_or_too_little_does_not_load(
    tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "roles.toml"
    file.write_text(text)
    with pytest.raises(BadSetting, match=says):
        roles_in(file)
