"""A small provider of sign-in for programs: OAuth 2.1's authorization code with PKCE, device grant, client credentials.

For a district that has no identity provider, and for gate tablets, devices and vendors in any. What a program gets is an
access token of ten minutes, signed by this node, that names a sign-in of this node: it ends with that sign-in, at once, and
whoever stands behind it is looked up there each time. Longer than ten minutes goes a refresh token, good once; one that is
shown twice was stolen, and ends everything that came of it.
(Authlib's server wants a synchronous store and its own models, so the few forms that are offered stand here; its PKCE does not.)
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from linli.base import MINUTE_US, SECOND_US, Clock
from linli.base.errors import BadRequestData, LinliError, NotAllowed, ResourceNotFound, SignInNeeded

from ._asked import Principal
from ._clients import ClientApp, Clients
from ._logins import AT_GATE, IN_APP, Login, Logins, Term
from ._node_key import NodeSecret
from ._records import Records, digest
from ._tickets import Tickets
from ._tokens import OURS, Key, check_times, read_token, write_token

ACCESS_S = 600
CODE_US = MINUTE_US
DEVICE_US = 10 * MINUTE_US
POLL_S = 5
HELD_MAX = 20_000
ACCESS_TYPE = "at+jwt"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPES = ("openid", "linli")
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_CHALLENGE_LETTERS = 43
_OF_PROGRAM = Term((ACCESS_S + 60) * SECOND_US)


class GrantRefused(Exception):
    """A request for a token is refused, in the words of OAuth (RFC 6749, 5.2)."""

    def __init__(self, code: str, why: str, status: int = 400) -> None:
        """Say the code of OAuth, and why in words."""
        super().__init__(why)
        self.code, self.why, self.status = code, why, status


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an app asks a signed-in person for."""

    client: ClientApp
    redirect: str
    challenge: str
    state: str
    scope: str
    nonce: str

    def back(self, base: str, **said: str) -> str:
        """Return where the browser goes with an answer; it names who answers (RFC 9207)."""
        parts = {**said, "iss": base} | ({"state": self.state} if self.state else {})
        return f"{self.redirect}{'&' if '?' in self.redirect else '?'}{urlencode(parts)}"


@dataclass(frozen=True, slots=True)
class _Granted:
    client: str
    redirect: str
    challenge: str
    scope: str
    nonce: str
    account: str
    who: Principal
    strong: bool
    login: str = ""


@dataclass(frozen=True, slots=True)
class _Device:
    client: str
    user: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device that shows a code and waits until somebody approves it."""

    client: str
    on: str
    state: str = "waiting"
    who: Principal | None = None


@dataclass(frozen=True, slots=True)
class _Refresh:
    login: str
    client: str
    used: bool = False


class Provider:
    """Gives tokens to programs, and reads the ones that it gave."""

    def __init__(self, records: Records, wall: Clock, secret: NodeSecret, logins: Logins, clients: Clients) -> None:
        """Sign with a key that is made of the node's secret for this alone."""
        self._wall = wall
        self._secret = secret
        self._logins = logins
        self._clients = clients
        self._key = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(secret.derived("access tokens")))
        self._keys: dict[str, Key] = {self._key.thumbprint(): self._key}
        self._codes = Tickets(records, wall, "grant", CODE_US)
        self._devices = Tickets(records, wall, "device", DEVICE_US)
        self._users = Tickets(records, wall, "user-code", DEVICE_US)
        self._refreshes = Tickets(records, wall, "refresh", IN_APP.whole_us)
        self._polled: OrderedDict[str, int] = OrderedDict()
        self._known: OrderedDict[str, tuple[str, int]] = OrderedDict()

    # what others are told

    def key_set(self) -> dict[str, Any]:
        """Return the public key with which tokens are signed."""
        return {
            "keys": [{**self._key.as_dict(private=False), "kid": self._key.thumbprint(), "alg": OURS, "use": "sig"}]
        }

    def description(self, base: str) -> dict[str, Any]:
        """Return what this provider offers (RFC 8414)."""
        return {
            "issuer": base,
            "authorization_endpoint": f"{base}/oauth/authorize",
            "token_endpoint": f"{base}/oauth/token",
            "device_authorization_endpoint": f"{base}/oauth/device",
            "revocation_endpoint": f"{base}/oauth/revoke",
            "jwks_uri": f"{base}/oauth/keys",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
            "id_token_signing_alg_values_supported": [OURS],
            "subject_types_supported": ["public"],
            "authorization_response_iss_parameter_supported": True,
        }

    # tokens that come back

    def login_of(self, token: str) -> str | None:
        """Return the sign-in that an access token names, if this node gave it and its ten minutes are not over."""
        now_s, mark = self._wall.now_us() // SECOND_US, digest(token)
        known = self._known.get(mark)
        if known is None:
            try:
                claims = read_token(token, self._keys, (OURS,), types=(ACCESS_TYPE,))
                check_times(claims, now_s, life_s_max=ACCESS_S)
            except SignInNeeded:
                return None
            known = str(claims.get("sid", "")), int(claims["exp"])
            self._known[mark] = known
            if len(self._known) > HELD_MAX:
                self._known.popitem(last=False)
        return known[0] if now_s < known[1] else None

    # authorization code

    async def wanted(self, said: Mapping[str, str]) -> Wanted:
        """Read what an app sends a browser here with.

        Raises: BadRequestData: the browser cannot even be sent back. GrantRefused: it can, with this error.
        """
        client = await self._clients.get(said.get("client_id", ""))
        redirect = said.get("redirect_uri", "")
        if client is None or client.role != "app":
            raise BadRequestData("client_id: no app of this name is registered here.")
        if redirect not in client.redirects:
            raise BadRequestData("redirect_uri: is none of those that this app registered.")
        scope = said.get("scope", "linli")
        return Wanted(
            client, redirect, said.get("code_challenge", ""), said.get("state", ""), scope, said.get("nonce", "")
        )

    @staticmethod
    def check_wanted(wanted: Wanted, said: Mapping[str, str]) -> None:
        """Hold the rest of the request against what is offered. Raises: GrantRefused."""
        if said.get("response_type") != "code":
            raise GrantRefused("unsupported_response_type", "Only codes are given.")
        if said.get("code_challenge_method") != "S256" or len(wanted.challenge) != _CHALLENGE_LETTERS:
            raise GrantRefused("invalid_request", "A code challenge by S256 is required.")
        if not set(wanted.scope.split()) <= set(SCOPES) or not wanted.scope:
            raise GrantRefused("invalid_scope", "There is no such scope.")

    async def allowed(self, wanted: Wanted, login: Login, base: str) -> str:
        """Return where the browser goes when the person says yes."""
        granted = _Granted(
            wanted.client.id,
            wanted.redirect,
            wanted.challenge,
            wanted.scope,
            wanted.nonce,
            login.account,
            replace(login.who, name=""),
            login.strong,
        )
        return wanted.back(base, code=await self._codes.issue(granted))

    # the token endpoint

    async def token(self, said: Mapping[str, str], base: str) -> dict[str, Any]:
        """Answer a request for tokens. Raises: GrantRefused."""
        try:
            client = await self._clients.proved(said, (base, f"{base}/oauth/token"))
        except LinliError as error:
            raise GrantRefused("invalid_client", error.message, 401) from error
        grant = said.get("grant_type", "")
        if grant not in client.grants:
            raise GrantRefused("unauthorized_client", "This client may not ask in this way.")
        if grant == "client_credentials":
            return await self._for_program(client, base)
        if grant == "refresh_token":
            return await self._refreshed(client, said.get("refresh_token", ""), base)
        if grant == "authorization_code":
            return await self._for_code(client, said, base)
        return await self._for_device(client, said.get("device_code", ""), base)

    async def revoke(self, said: Mapping[str, str], base: str) -> None:
        """End what a token stands for (RFC 7009); one that stands for nothing is no error. Raises: GrantRefused."""
        try:
            client = await self._clients.proved(said, (base, f"{base}/oauth/revoke"))
        except LinliError as error:
            raise GrantRefused("invalid_client", error.message, 401) from error
        token = said.get("token", "")
        ticket = await self._refreshes.seen(token, _Refresh)
        login_id = ticket.doc.login if ticket else self.login_of(token)
        login = await self._logins.refresh(login_id) if login_id else None
        if login is not None and login.client == client.id:
            await self._logins.close(login.id)

    async def _for_program(self, client: ClientApp, base: str) -> dict[str, Any]:
        token = await self._logins.open(client.principal(), "program", _OF_PROGRAM, client=client.id)
        return self._answer(digest(token), client, client.principal().id, base)

    async def _for_code(self, client: ClientApp, said: Mapping[str, str], base: str) -> dict[str, Any]:
        code = said.get("code", "")
        ticket = await self._codes.seen(code, _Granted)
        if ticket is None or ticket.doc.client != client.id:
            raise GrantRefused("invalid_grant", "This code is not good, or not any more.")
        granted = ticket.doc
        if granted.login:
            await self._logins.close(granted.login)
            raise GrantRefused("invalid_grant", "This code was used before; what it was used for is ended.")
        verifier = said.get("code_verifier", "")
        proof = create_s256_code_challenge(verifier) if verifier.isascii() else ""
        if said.get("redirect_uri") != granted.redirect or not secrets.compare_digest(proof, granted.challenge):
            raise GrantRefused("invalid_grant", "This code was given to somebody else.")
        token = await self._logins.open(
            granted.who, "app", IN_APP, account=granted.account, strong=False, on=client.title, client=client.id
        )
        login_id = digest(token)
        try:
            await self._codes.rewrite(code, ticket, replace(granted, login=login_id))
        except NotAllowed as error:
            await self._logins.close(login_id)
            raise GrantRefused("invalid_grant", "This code was used at the same moment.") from error
        answer = self._answer(login_id, client, granted.who.id, base)
        answer["refresh_token"] = await self._refreshes.issue(_Refresh(login_id, client.id))
        if "openid" in granted.scope.split():
            answer["id_token"] = self._id_token(client, granted, base)
        return answer | {"scope": granted.scope}

    async def _refreshed(self, client: ClientApp, token: str, base: str) -> dict[str, Any]:
        ticket = await self._refreshes.seen(token, _Refresh)
        if ticket is None or ticket.doc.client != client.id:
            raise GrantRefused("invalid_grant", "This refresh token is not good, or not any more.")
        if ticket.doc.used:
            await self._logins.close(ticket.doc.login)
            raise GrantRefused(
                "invalid_grant", "This refresh token was used before; everything that came of it is ended."
            )
        login = await self._logins.refresh(ticket.doc.login)
        if login is None:
            raise GrantRefused("invalid_grant", "This sign-in is over.")
        try:
            await self._refreshes.rewrite(token, ticket, replace(ticket.doc, used=True))
        except NotAllowed as error:
            raise GrantRefused("invalid_grant", "This refresh token was used at the same moment.") from error
        answer = self._answer(login.id, client, login.who.id, base)
        answer["refresh_token"] = await self._refreshes.issue(_Refresh(login.id, client.id))
        return answer

    # the device grant

    async def device(self, said: Mapping[str, str], base: str, on: str) -> dict[str, Any]:
        """Give a device the code that it shows (RFC 8628). Raises: GrantRefused."""
        try:
            client = await self._clients.proved(said, (base, f"{base}/oauth/device"))
        except LinliError as error:
            raise GrantRefused("invalid_client", error.message, 401) from error
        if DEVICE_GRANT not in client.grants:
            raise GrantRefused("unauthorized_client", "This client may not ask in this way.")
        shown = "".join(secrets.choice(_LETTERS) for _ in range(8))
        user = self._user(shown)
        await self._users.issue(Waiting(client.id, on), secret=user)
        return {
            "device_code": await self._devices.issue(_Device(client.id, user)),
            "user_code": f"{shown[:4]}-{shown[4:]}",
            "verification_uri": f"{base}/device",
            "verification_uri_complete": f"{base}/device?code={shown[:4]}-{shown[4:]}",
            "expires_in": DEVICE_US // SECOND_US,
            "interval": POLL_S,
        }

    async def waiting(self, shown: str) -> Waiting:
        """Return the device that shows a code. Raises: ResourceNotFound."""
        ticket = await self._users.seen(self._user(shown), Waiting)
        if ticket is None or ticket.doc.state != "waiting":
            raise ResourceNotFound("No device shows this code, or its ten minutes are over.")
        return ticket.doc

    async def decide(self, shown: str, who: Principal | None) -> None:
        """Let the device act as `who` from now on, or (None) not at all. Raises: ResourceNotFound, NotAllowed."""
        user = self._user(shown)
        ticket = await self._users.seen(user, Waiting)
        if ticket is None or ticket.doc.state != "waiting":
            raise ResourceNotFound("No device shows this code, or its ten minutes are over.")
        decided = replace(ticket.doc, state="allowed" if who else "denied", who=who)
        await self._users.rewrite(user, ticket, decided)

    async def _for_device(self, client: ClientApp, device_code: str, base: str) -> dict[str, Any]:
        ticket = await self._devices.seen(device_code, _Device)
        user = await self._users.seen(ticket.doc.user, Waiting) if ticket else None
        if ticket is None or user is None or ticket.doc.client != client.id:
            raise GrantRefused("expired_token", "This device waited too long; begin anew.")
        self._pace(device_code)
        if user.doc.state == "waiting":
            raise GrantRefused("authorization_pending", "Nobody has approved this device yet.")
        await self._devices.take(device_code, _Device)
        if user.doc.who is None:
            raise GrantRefused("access_denied", "This device was turned away.")
        try:
            token = await self._logins.open(
                user.doc.who, "gate", AT_GATE, on=user.doc.on, client=client.id, more=(user.used,)
            )
        except LinliError as error:
            raise GrantRefused("invalid_grant", "This code was used at the same moment.") from error
        answer = self._answer(digest(token), client, user.doc.who.id, base)
        answer["refresh_token"] = await self._refreshes.issue(
            _Refresh(digest(token), client.id), life_us=AT_GATE.whole_us
        )
        return answer

    def _pace(self, device_code: str) -> None:
        """Slow a device down that asks too often. Raises: GrantRefused."""
        now, mark = self._wall.now_us(), digest(device_code)
        before = self._polled.get(mark, 0)
        self._polled[mark] = now
        if len(self._polled) > HELD_MAX:
            self._polled.popitem(last=False)
        if 0 <= now - before < POLL_S * SECOND_US:
            raise GrantRefused("slow_down", f"Ask every {POLL_S} seconds.")

    # inside

    def _user(self, shown: str) -> str:
        letters = "".join(one for one in shown.upper() if one in _LETTERS)
        return self._secret.blind(f"user code:{letters}")

    def _answer(self, login_id: str, client: ClientApp, subject: str, base: str) -> dict[str, Any]:
        now_s = self._wall.now_us() // SECOND_US
        claims = {
            "iss": base,
            "aud": base,
            "sub": subject,
            "client_id": client.id,
            "iat": now_s,
            "exp": now_s + ACCESS_S,
            "jti": secrets.token_urlsafe(12),
            "sid": login_id,
        }
        token = write_token(self._key, claims, kind=ACCESS_TYPE)
        return {"access_token": token, "token_type": "Bearer", "expires_in": ACCESS_S}

    def _id_token(self, client: ClientApp, granted: _Granted, base: str) -> str:
        now_s = self._wall.now_us() // SECOND_US
        claims = {"iss": base, "aud": client.id, "sub": granted.who.id, "iat": now_s, "exp": now_s + ACCESS_S}
        return write_token(self._key, claims | ({"nonce": granted.nonce} if granted.nonce else {}))
