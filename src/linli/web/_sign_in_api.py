"""Signing in for scripts: passkeys, invitations, clients; and OAuth's own routes for programs, apps and gate tablets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from linli.base import to_wire_time
from linli.base.errors import BadRequestData, LinliError, SignInNeeded, TooOften
from linli.trust import ClientApp, GrantRefused, Identity, Invitation, Thing, Wanted

from ._answers import answer, body_of
from ._asking import Asking
from ._cookies import give_cookie
from ._pages import CSP, form_of
from ._sign_in import (
    INVITATION_COOKIE,
    TRIP_S,
    Threshold,
    address_of,
    browser_of,
    landing,
    origin_of,
    role_words,
    site_of,
    to_sign_in,
)

#: so long a client may be let in at most, where it has an end
CLIENT_DAYS_MAX = 1100


class SignInApi:
    """The JSON routes."""

    def __init__(self, threshold: Threshold) -> None:
        """Stand on this threshold."""
        self._at = threshold

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route("/api/sign-in/passkey/options", self.options, methods=["POST"]),
            Route("/api/sign-in/passkey", self.sign_in, methods=["POST"]),
            Route("/api/account/passkeys/options", self.enrol_options, methods=["POST"]),
            Route("/api/account/passkeys", self.enrol, methods=["POST"]),
            Route("/api/invitation", self.invitation, methods=["POST"]),
            Route("/api/invitation/provider", self.keep_invitation, methods=["POST"]),
            Route("/api/invitation/passkey/options", self.first_options, methods=["POST"]),
            Route("/api/invitation/passkey", self.accept, methods=["POST"]),
            Route("/api/clients", self.clients, methods=["GET"]),
            Route("/api/clients", self.register, methods=["POST"]),
            Route("/api/clients/{id}/keys", self.change_keys, methods=["PUT"]),
            Route("/api/clients/{id}", self.drop_client, methods=["DELETE"]),
            Route("/oauth/authorize", self.authorize, methods=["GET"]),
            Route("/oauth/authorize", self.allow, methods=["POST"]),
        ]

    # passkeys

    async def options(self, request: Request) -> Response:
        """Give the challenge by which a passkey signs in."""
        with self._at.identity.trying("passkey", address_of(request)):
            self._at.identity.delays.pace(address_of(request))
        return answer(await self._at.identity.passkeys.options(site_of(request)))

    async def sign_in(self, request: Request) -> Response:
        """Sign in by a passkey that signed the challenge."""
        said = await body_of(request)
        identity, address = self._at.identity, address_of(request)
        with identity.trying("passkey", address):
            identity.delays.check("", address)
            try:
                proved = await identity.passkeys.proved(site_of(request), said)
            except SignInNeeded:
                identity.delays.failed("", address)
                raise
        response = answer({"landing": landing(proved.account)})
        return await self._at.admit(request, response, proved.account, "passkey", writes=proved.writes, strong=True)

    async def enrol_options(self, request: Request) -> Response:
        """Give the challenge for one more passkey of who is signed in."""
        _, account = await self._at.own(request)
        name = self._at.identity.accounts.label_of(account) or account.id
        return answer(await self._at.identity.passkeys.enrol_options(site_of(request), account, name))

    async def enrol(self, request: Request) -> Response:
        """Take one more passkey of who is signed in."""
        _, account = await self._at.own(request)
        said = await body_of(request)
        await self._at.identity.passkeys.add(site_of(request), account.id, said, browser_of(request))
        return answer({}, 201)

    # invitations

    async def invitation(self, request: Request) -> Response:
        """Say what an invitation offers, to whoever shows its secret."""
        _, invitation, _ = await self._invited(request)
        account = invitation.account
        return answer(
            {
                "role": role_words(account.role),
                "areas": await self._at.areas_of(account.scopes),
                "label": self._at.identity.accounts.label_of(account),
                "until": to_wire_time(invitation.until_us),
            }
        )

    async def keep_invitation(self, request: Request) -> Response:
        """Keep an invitation's secret in a cookie, for the trip to the district's provider."""
        secret, _, _ = await self._invited(request)
        response = answer({})
        give_cookie(request, response, INVITATION_COOKIE, secret, age_s=TRIP_S)
        return response

    async def first_options(self, request: Request) -> Response:
        """Give the challenge for the first passkey of an invitation's account."""
        _, invitation, _ = await self._invited(request)
        account = invitation.account
        name = self._at.identity.accounts.label_of(account) or account.role
        return answer(await self._at.identity.passkeys.enrol_options(site_of(request), account, name))

    async def accept(self, request: Request) -> Response:
        """Make the account of an invitation with its first passkey, and sign it in."""
        secret, invitation, body = await self._invited(request)
        identity = self._at.identity
        said = body.get("passkey")
        if not isinstance(said, dict):
            raise BadRequestData("passkey: what the browser made is needed.")
        proved = await identity.passkeys.enrolled(site_of(request), invitation.account, said, browser_of(request))
        writes = (*identity.invitations.accepted(secret, invitation, proved.account), *proved.writes)
        response = answer({"landing": landing(proved.account)}, 201)
        return await self._at.admit(request, response, proved.account, "passkey", writes=writes, strong=True)

    async def _invited(self, request: Request) -> tuple[str, Invitation, dict[str, object]]:
        """Return the secret that a request shows, the invitation that it opens, and the whole body."""
        body = await body_of(request)
        secret = body.get("invitation")
        if not isinstance(secret, str) or not secret:
            raise BadRequestData("invitation: the secret of the link is needed.")
        identity, address = self._at.identity, address_of(request)
        with identity.trying("invitation", address):
            identity.delays.pace(address)
            return secret, await identity.invitations.open(secret), body

    # clients

    async def clients(self, request: Request) -> Response:
        """List the devices and apps that are registered in the asker's areas."""
        act = self._at.doors.asking.act(request.scope)
        found = [
            one
            for one in await self._at.identity.clients.all()
            if self._at.doors.allow.allows(act, "grant", Thing("Account", one.scopes, attrs=(one.role,))).ok
        ]
        return answer({"clients": [_client_line(one) for one in found]})

    async def register(self, request: Request) -> Response:
        """Register a device, a vendor's service, an app."""
        body = await body_of(request)
        client = ClientApp(
            _text(body, "id"),
            _text(body, "role"),
            _text(body, "title"),
            _texts(body, "scopes"),
            _texts(body, "attrs"),
            redirects=_texts(body, "redirects"),
        )
        scopes = client.scopes or self._at.doors.asking.act(request.scope).who.scopes
        act = self._at.must_grant(request, client.role, scopes)
        made = ClientApp(
            client.id,
            client.role,
            client.title,
            scopes,
            client.attrs,
            redirects=client.redirects,
            tenant=act.who.tenant,
            made_by=act.who.id,
        )
        days = _days(body)
        return answer(_client_line(await self._at.identity.clients.register(made, body.get("keys"), days=days)), 201)

    async def change_keys(self, request: Request) -> Response:
        """Give a client other keys: two at a time let it change one for the other."""
        body = await body_of(request)
        client = await self._client(request)
        return answer(_client_line(await self._at.identity.clients.change_keys(client.id, body.get("keys"))))

    async def drop_client(self, request: Request) -> Response:
        """Remove a client; what it was given ends within a second."""
        client = await self._client(request)
        await self._at.identity.clients.drop(client.id, self._at.doors.asking.act(request.scope).who.id)
        return Response(status_code=204)

    async def _client(self, request: Request) -> ClientApp:
        client = await self._at.identity.clients.get(request.path_params["id"])
        if client is None:
            raise BadRequestData("There is no such client.")
        self._at.must_grant(request, client.role, client.scopes)
        return client

    # apps that act for somebody

    async def authorize(self, request: Request) -> Response:
        """Ask the person who is signed in whether an app may act in his name."""
        said = dict(request.query_params)
        wanted = await self._at.identity.provider.wanted(said)
        try:
            self._at.identity.provider.check_wanted(wanted, said)
        except GrantRefused as refused:
            back = wanted.back(origin_of(request), error=refused.code, error_description=refused.why)
            return RedirectResponse(back, 303)
        login = self._at.login(request)
        if login is None:
            return to_sign_in(request)
        page = await self._at.show(
            request, "allow.html", {"app": wanted.client.title, "asked": said, "who": login.who.name}
        )
        # The answer to the form leads to the app, which the policy of the page must let it.
        page.headers["content-security-policy"] = CSP.replace(
            "form-action 'self'", f"form-action 'self' {_source_of(wanted)}"
        )
        return page

    async def allow(self, request: Request) -> Response:
        """Send the browser back to the app with what the person said."""
        said = await form_of(request)
        provider, base = self._at.identity.provider, origin_of(request)
        wanted = await provider.wanted(said)
        login = self._at.login(request)
        if login is None:
            raise SignInNeeded
        try:
            provider.check_wanted(wanted, said)
        except GrantRefused as refused:
            return RedirectResponse(wanted.back(base, error=refused.code), 303)
        if said.get("say") != "yes":
            return RedirectResponse(wanted.back(base, error="access_denied"), 303)
        return RedirectResponse(await provider.allowed(wanted, login, base), 303)


class Tokens:
    """OAuth's routes for programs; they need no pages, so a broker alone has them too."""

    def __init__(self, asking: Asking) -> None:
        """Give tokens of these sign-ins."""
        self._asking = asking

    @property
    def _identity(self) -> Identity:
        return self._asking.identity

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route("/.well-known/oauth-authorization-server", self.description, methods=["GET"]),
            Route("/.well-known/openid-configuration", self.description, methods=["GET"]),
            Route("/oauth/keys", self.keys, methods=["GET"]),
            Route("/oauth/token", self.token, methods=["POST"]),
            Route("/oauth/device", self.device, methods=["POST"]),
            Route("/oauth/revoke", self.revoke, methods=["POST"]),
        ]

    async def description(self, request: Request) -> Response:
        """Say what this provider offers."""
        return answer(self._identity.provider.description(origin_of(request)))

    async def keys(self, _: Request) -> Response:
        """Give the key with which tokens are signed."""
        return answer(self._identity.provider.key_set())

    async def token(self, request: Request) -> Response:
        """Give a program a token."""
        return await self._granted(request, "token")

    async def device(self, request: Request) -> Response:
        """Give a device the code that it shows."""
        return await self._granted(request, "device")

    async def revoke(self, request: Request) -> Response:
        """End what a token stands for."""
        return await self._granted(request, "revoke")

    async def _granted(self, request: Request, what: str) -> Response:
        address, delays = address_of(request), self._identity.delays
        try:
            with self._identity.trying("program", address):
                delays.check("oauth", address)
                return await self._granted_what(request, what)
        except GrantRefused as refused:
            if refused.code in ("invalid_client", "invalid_grant"):
                delays.failed("oauth", address)
            return answer({"error": refused.code, "error_description": refused.why}, refused.status)
        except TooOften:
            raise
        except LinliError as error:
            return answer({"error": "invalid_request", "error_description": error.message}, error.status)

    async def _granted_what(self, request: Request, what: str) -> Response:
        said, provider = await form_of(request), self._identity.provider
        if what == "device":
            return answer(await provider.device(said, origin_of(request), browser_of(request)))
        if what == "revoke":
            await provider.revoke(said, origin_of(request))
            return answer({})
        return answer(await provider.token(said, origin_of(request)))


def _client_line(client: ClientApp) -> dict[str, Any]:
    return {
        "id": client.id,
        "role": client.role,
        "title": client.title,
        "scopes": client.scopes,
        "attrs": client.attrs,
        "redirects": client.redirects,
        "until": to_wire_time(client.until_us) if client.until_us else None,
    }


def _source_of(wanted: Wanted) -> str:
    parts = urlsplit(wanted.redirect)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise BadRequestData(f"{name}: a text is needed.")
    return value


def _days(body: Mapping[str, object]) -> int:
    value = body.get("days", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= CLIENT_DAYS_MAX:
        raise BadRequestData(f"days: a whole number up to {CLIENT_DAYS_MAX}; without it, until it is dropped.")
    return value


def _texts(body: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadRequestData(f"{name}: a list of texts is needed.")
    return tuple(cast("list[str]", value))
