"""Hostile test 28: a signed token cannot say how it is to be checked; no file and no network is touched."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from linli.base import SECOND_US, SteppedClock
from linli.store import MemoryStore
from linli.trust import ClientApp, GrantRefused, Identity, NodeSecret

BASE = "https://linli.example"
NOW_S = 1_800_000_000
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


class Vendor:
    """A node with one registered vendor who has a key."""

    def __init__(self) -> None:
        self.clock = SteppedClock(NOW_S * SECOND_US)
        self.identity = Identity(MemoryStore(), self.clock, self.clock, NodeSecret(None))
        self.key = ECKey.generate_key("P-256", {"kid": "one"})

    async def register(self) -> None:
        keys = {"keys": [self.key.as_dict(private=False)]}
        client = ClientApp("meter-hub", "vendor", "Meters", ("/cn/r37",), ("energy",))
        await self.identity.clients.register(client, keys)

    def claims(self, **more: Any) -> dict[str, Any]:
        said = {"iss": "meter-hub", "sub": "meter-hub", "aud": BASE, "exp": NOW_S + 60, "jti": "j" * 12}
        return {name: value for name, value in {**said, **more}.items() if value is not None}

    def assertion(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        return jws.serialize_compact(
            {"alg": "ES256", "kid": "one", **(header or {})}, orjson.dumps(self.claims(**claims)), self.key
        )

    async def token(self, assertion: str, **more: str) -> dict[str, Any]:
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": assertion}
        return await self.identity.provider.token(form | more, BASE)


def told(story: Callable[[Vendor], Awaitable[None]]) -> None:
    async def run() -> None:
        vendor = Vendor()
        await vendor.register()
        await story(vendor)

    asyncio.run(run())


def test_28_a_vendor_who_signs_rightly_gets_a_token_that_acts_as_him_and_nothing_more() -> None:
    async def story(vendor: Vendor) -> None:
        answer = await vendor.token(vendor.assertion())
        assert answer["expires_in"] == 600
        login = vendor.identity.logins.held(vendor.identity.login_id(answer["access_token"]))
        assert login
        assert (login.who.id, login.who.role, login.who.scopes) == ("client:meter-hub", "vendor", ("/cn/r37",))
        assert login.who.attrs == frozenset({"energy"})
        vendor.clock.advance_to((NOW_S + 601) * SECOND_US)
        assert vendor.identity.login_id(answer["access_token"]) == ""

    told(story)


HEADERS = {
    "no signature": {"alg": "none"},
    "a secret that everybody knows": {"alg": "HS256"},
    "a kid that leads to a file": {"kid": "../../../../dev/null"},
    "a kid that nobody has": {"kid": "two"},
    "a kid that is no text": {"kid": ["one"]},
    "a place where a key lies": {"jku": "https://evil.example/keys"},
    "a certificate elsewhere": {"x5u": "https://evil.example/cert"},
    "a key of its own": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "a certificate of its own": {"x5c": ["AAAA"]},
    "special wishes": {"crit": ["b64"], "b64": False},
    "another type": {"typ": "at+jwt"},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_28_a_header_that_says_how_to_check_is_refused(header: dict[str, Any]) -> None:
    async def story(vendor: Vendor) -> None:
        true = vendor.assertion()
        forged = f"{encoded({'alg': 'ES256', 'kid': 'one', **header})}.{encoded(vendor.claims())}.{true.split('.')[2]}"
        with pytest.raises(GrantRefused, match=r"does not hold|not known") as refused:
            await vendor.token(forged)
        assert refused.value.code == "invalid_client"
        unsigned = f"{encoded({'alg': 'ES256', 'kid': 'one', **header})}.{encoded(vendor.claims())}."
        with pytest.raises(GrantRefused):
            await vendor.token(unsigned)

    told(story)


def test_28_a_public_key_does_not_serve_as_a_shared_secret() -> None:
    """The old trick: the token says HS256, and is signed with the public key's bytes, which everybody has."""

    async def story(vendor: Vendor) -> None:
        said = f"{encoded({'alg': 'HS256', 'kid': 'one'})}.{encoded(vendor.claims())}"
        proof = hmac.new(vendor.key.as_pem(private=False), said.encode(), "sha256").digest()
        forged = f"{said}.{base64.urlsafe_b64encode(proof).rstrip(b'=').decode()}"
        with pytest.raises(GrantRefused):
            await vendor.token(forged)

    told(story)


CLAIMS = {
    "for somebody else": {"aud": "https://other.example"},
    "for nobody": {"aud": None},
    "by somebody else": {"iss": "other-hub"},
    "about somebody else": {"sub": "other-hub"},
    "long over": {"exp": NOW_S - 60},
    "good for too long": {"exp": NOW_S + 3600},
    "without an end": {"exp": None},
    "with an end in words": {"exp": "tomorrow"},
    "not begun yet": {"nbf": NOW_S + 600},
    "without a mark of its own": {"jti": None},
}


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
def test_28_a_rightly_signed_token_that_says_something_else_is_refused(claims: dict[str, Any]) -> None:
    async def story(vendor: Vendor) -> None:
        with pytest.raises(GrantRefused) as refused:
            await vendor.token(vendor.assertion(**claims))
        assert (refused.value.code, refused.value.status) == ("invalid_client", 401)

    told(story)


def test_28_a_client_s_token_is_good_once_also_at_the_same_moment() -> None:
    async def story(vendor: Vendor) -> None:
        shown = vendor.assertion()
        ended = await asyncio.gather(*(vendor.token(shown) for _ in range(4)), return_exceptions=True)
        assert sum(isinstance(one, dict) for one in ended) == 1
        with pytest.raises(GrantRefused, match="shown before"):
            await vendor.token(shown)

    told(story)


def test_28_a_key_may_be_changed_for_another_while_both_are_good_and_not_after() -> None:
    async def story(vendor: Vendor) -> None:
        old, new = vendor.key, ECKey.generate_key("P-256", {"kid": "two"})
        public = [old.as_dict(private=False), new.as_dict(private=False)]
        await vendor.identity.clients.change_keys("meter-hub", {"keys": public})
        assert await vendor.token(vendor.assertion(jti="first-of-old"))
        vendor.key = new
        assert await vendor.token(vendor.assertion({"kid": "two"}, jti="first-of-new"))
        await vendor.identity.clients.change_keys("meter-hub", {"keys": public[1:]})
        vendor.key = old
        with pytest.raises(GrantRefused):
            await vendor.token(vendor.assertion(jti="second-of-old"))

    told(story)


def test_28_a_client_that_is_removed_is_out_within_a_second_although_its_token_still_runs() -> None:
    async def story(vendor: Vendor) -> None:
        answer = await vendor.token(vendor.assertion())
        login_id = vendor.identity.login_id(answer["access_token"])
        await vendor.identity.clients.drop("meter-hub", "somebody")
        vendor.clock.advance_to((NOW_S + 2) * SECOND_US)
        assert not vendor.identity.logins.is_fresh(login_id)
        assert await vendor.identity.logins.refresh(login_id) is None

    told(story)


def test_28_an_access_token_signed_by_another_node_or_by_nobody_is_no_sign_in() -> None:
    async def story(vendor: Vendor) -> None:
        answer = await vendor.token(vendor.assertion())
        head, body, proof = answer["access_token"].split(".")
        own = orjson.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        stranger = OKPKey.generate_key("Ed25519")
        payload = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        forged = [
            f"{encoded({**own, 'alg': 'none'})}.{body}.",
            f"{encoded({**own, 'jku': 'https://evil.example'})}.{body}.{proof}",
            f"{head}.{encoded({**orjson.loads(payload), 'sid': '0' * 64})}.{proof}",
            jws.serialize_compact(own, payload, stranger, algorithms=["Ed25519"]),
            jws.serialize_compact({**own, "typ": "JWT"}, payload, stranger, algorithms=["Ed25519"]),
            "a.b.c",
            "..",
            f"{'a' * 10_000}.b.c",
        ]
        assert [one for one in forged if vendor.identity.login_id(one)] == []
        assert vendor.identity.login_id(answer["access_token"])

    told(story)
