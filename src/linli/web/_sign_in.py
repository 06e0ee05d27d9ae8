"""Signing in, as people meet it: by a code to the phone, by a household card, by a passkey, by the district's own provider.

Nothing here stands between anybody and the call button: a call is placed without signing in. What can work without a script
is a plain form; only passkeys need one. What is wrong is said on the same page, and nothing that was typed is asked for twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from linli.base import LANGUAGES, both, say, within_scope
from linli.base.errors import LinliError, NotAllowed, SignInNeeded
from linli.broker import Plain
from linli.store import DropRecord, PutRecord
from linli.trust import (
    AT_HOME,
    AT_WORK,
    CARD,
    IN_HOUSEHOLD,
    Account,
    Act,
    Codes,
    Identity,
    Login,
    Right,
    Site,
    Term,
    Thing,
    card_number,
)

from ._asking import headers_of, signed_in, signed_out
from ._cookies import cookie_of, give_cookie, take_cookie
from ._doors import Doors
from ._pages import Pages, form_of, language_of
from ._people import LOOKING, demo_only, principal_of

FACE = "sign-in"
#: lets a browser that signed in with a number before ask for codes when a stranger has used up that number's own
KNOWN_COOKIE = "linli_known"
#: binds a trip to the district's provider to the browser that began it
TRIP_COOKIE = "linli_trip"
#: carries the secret of an invitation through that trip
INVITATION_COOKIE = "linli_invitation"
TRIP_S, YEAR_S = 600, 31_536_000
#: whoever works for the city signs in for a day's work; the others are at home
AT_HOME_ROLES = frozenset({"resident", "guardian", "helper", "courier"})
LANDING = {
    "resident": "/",
    "guardian": "/",
    "helper": "/helper",
    "courier": "/helper",
    "community_worker": "/worker",
    "seat": "/worker",
    "dispatcher": "/worker",
    "officer": "/worker",
    "city_official": "/city",
}
_BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")


@dataclass(slots=True)
class Threshold:
    """What everything about signing in shares: who is let in and how, and whether somebody may let others in."""

    doors: Doors
    codes: Codes
    pages: Pages

    @property
    def identity(self) -> Identity:
        """Who is who here."""
        return self.doors.asking.identity

    async def admit(
        self,
        request: Request,
        response: Response,
        account: Account,
        how: str,
        *,
        term: Term | None = None,
        client: str = "",
        writes: Sequence[PutRecord | DropRecord] = (),
        strong: bool = False,
    ) -> Response:
        """Sign a browser in, in the place of whoever was signed in there before, and give it its cookie."""
        before = self.login(request)
        term = term or (AT_HOME if account.role in AT_HOME_ROLES else AT_WORK)
        token = await self.identity.logins.open(
            self.identity.accounts.principal(account),
            how,
            term,
            account=account.id,
            strong=strong,
            on=browser_of(request),
            client=client,
            more=writes,
        )
        if before is not None:
            await self.identity.logins.close(before.id)
        return signed_in(request, response, token, term)

    def login(self, request: Request) -> Login | None:
        """Return the sign-in of the browser that asks."""
        return self.doors.asking.login(request.scope, headers_of(request.scope))

    async def own(self, request: Request) -> tuple[Login, Account]:
        """Return the sign-in and the account of who asks. Raises: SignInNeeded: he has none."""
        login = self.login(request)
        account = await self.identity.accounts.get(login.account) if login and login.account else None
        if login is None or account is None:
            raise SignInNeeded
        return login, account

    def must_grant(self, request: Request, role: str, scopes: tuple[str, ...]) -> Act:
        """Return who asks, if he may give an account of this role for these areas. Raises: NotAllowed."""
        act = self.doors.asking.act(request.scope)
        if not self.may(act, role, scopes):
            raise NotAllowed("You may not give this role there; or sign in with your passkey first.")
        return act

    def may_grant(self, request: Request, role: str) -> bool:
        """Tell whether who asks may give accounts of a role anywhere in his own areas."""
        act = self.doors.asking.act(request.scope)
        return self.may(act, role, act.who.scopes)

    def may(self, act: Act, role: str, scopes: tuple[str, ...]) -> bool:
        """Tell whether `act` may give, and so take, an account of a role for these areas."""
        return self.doors.allow.allows(act, "grant", Thing("Account", scopes, attrs=(role,))).ok

    async def areas_of(self, scopes: Sequence[str]) -> list[Any]:
        """Return the names of areas by their scopes; of one that is no Area here the scope itself."""
        names = {one.scopes[0]: one.values.get("name") for one in await self._all("Area") if one.scopes}
        everywhere = both("face.sign-in.everywhere")
        return [everywhere if scope == "/" else names.get(scope) or dict.fromkeys(LANGUAGES, scope) for scope in scopes]

    async def areas_below(self, scopes: Sequence[str]) -> list[tuple[str, Any]]:
        """Return (scope, name) of these scopes and of every area in them."""
        own = dict(zip(scopes, await self.areas_of(scopes), strict=True))
        found = {one.scopes[0]: one.values.get("name") for one in await self._all("Area") if _inside(one, scopes)}
        return list((own | found).items())

    async def gates_in(self, scopes: Sequence[str]) -> list[tuple[str, Any]]:
        """Return (id, name) of every gate in these scopes."""
        return [(one.id, one.values.get("name")) for one in await self._all("Gate") if _inside(one, scopes)]

    async def _all(self, type_name: str) -> list[Plain]:
        return await self.doors.broker.read_all(LOOKING, type_name)

    async def show(
        self, request: Request, template: str, facts: Mapping[str, Any], *, fault: LinliError | None = None
    ) -> Response:
        """Render a page of this face."""
        facts = {"fault": fault.message if fault else None, **facts}
        return await self.pages.page(request, FACE, template, facts, fault.status if fault else 200)


class SignInPages:
    """The pages by which people come in."""

    def __init__(self, threshold: Threshold) -> None:
        """Stand on this threshold."""
        self._at = threshold

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route("/sign-in", self.begin, methods=["GET"]),
            Route("/sign-in/code", self.ask, methods=["POST"]),
            Route("/sign-in/code/check", self.check, methods=["POST"]),
            Route("/sign-in/card", self.card, methods=["GET"]),
            Route("/sign-in/card", self.by_card, methods=["POST"]),
            Route("/sign-in/help", self.help, methods=["GET"]),
            Route("/sign-in/invitation", self.invitation, methods=["GET"]),
            Route("/sign-in/demo", self.as_made_up, methods=["POST"]),
            Route("/sign-in/provider", self.away, methods=["GET"]),
            Route("/sign-in/provider/back", self.back, methods=["GET"]),
            Route("/sign-out", self.leave, methods=["POST"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Show the ways in."""
        return await self._begin(request)

    async def _begin(self, request: Request, fault: LinliError | None = None, phone: str = "") -> Response:
        facts = {
            "phone": phone,
            "onward": onward_in(request.query_params.get("next", "")),
            "provider": self._at.identity.other is not None,
            "people": self._at.doors.people if self._at.doors.asking.sign_in == "demo" else (),
        }
        return await self._at.show(request, "sign-in.html", facts, fault=fault)

    async def ask(self, request: Request) -> Response:
        """Send a code, or look as if."""
        form = await form_of(request)
        phone, onward = form.get("phone", ""), onward_in(form.get("next", ""))
        try:
            with self._at.identity.trying("code", address_of(request)):
                self._at.identity.delays.pace(address_of(request))
                words = say("face.sign-in.message", language_of(request), code="{code}")
                known = cookie_of(request, KNOWN_COOKIE)
                handle = await self._at.codes.ask(phone, words, known=known)
        except LinliError as error:
            return await self._begin(request, error, phone)
        return await self._code_page(request, {"handle": handle, "onward": onward})

    async def check(self, request: Request) -> Response:
        """Check a code, and ask who is meant where a number belongs to several people."""
        form = await form_of(request)
        handle, code, onward = form.get("handle", ""), form.get("code", ""), onward_in(form.get("next", ""))
        kept = {"handle": handle, "onward": onward}
        known, persons = await self._at.codes.known(handle), await self._at.codes.meant(handle)
        try:
            with self._at.identity.trying("code", address_of(request), persons):
                right = await self._at.codes.check(handle, code, form.get("person", ""))
            if not isinstance(right, Right):
                people = [(one.id, await self._name_of(one.id)) for one in right]
                return await self._code_page(request, {**kept, "code": code, "people": people})
            response = RedirectResponse(onward or landing(right.account), 303)
            await self._at.admit(request, response, right.account, "code", writes=right.writes)
        except LinliError as error:
            return await self._code_page(request, kept, error)
        give_cookie(request, response, KNOWN_COOKIE, known, age_s=YEAR_S, same_site="strict")
        return response

    async def _code_page(self, request: Request, facts: Mapping[str, Any], fault: LinliError | None = None) -> Response:
        return await self._at.show(request, "sign-in-code.html", {"people": (), "code": "", **facts}, fault=fault)

    async def _name_of(self, person: str) -> str:
        found = await self._at.doors.looked_up(person)
        return str(found.values.get("fullName", "")) if found else ""

    async def card(self, request: Request) -> Response:
        """Show where the number and the digits of a household card are typed."""
        return await self._card_page(request)

    async def _card_page(self, request: Request, fault: LinliError | None = None, number: str = "") -> Response:
        return await self._at.show(request, "sign-in-card.html", {"number": number}, fault=fault)

    async def by_card(self, request: Request) -> Response:
        """Sign the device of a household in for a year."""
        form = await form_of(request)
        number, address, identity = card_number(form.get("number", "")), address_of(request), self._at.identity
        try:
            with identity.trying("card", address, await identity.cards.meant(number)):
                identity.delays.check(f"card:{number}", address)
                try:
                    account = await identity.cards.check(number, form.get("digits", ""))
                except SignInNeeded:
                    identity.delays.failed(f"card:{number}", address)
                    raise
            identity.delays.worked(f"card:{number}", address)
            response = RedirectResponse(landing(account), 303)
            return await self._at.admit(request, response, account, "card", term=IN_HOUSEHOLD, client=CARD + number)
        except LinliError as error:
            return await self._card_page(request, error, number)

    async def as_made_up(self, request: Request) -> Response:
        """Sign in as a made-up person of the demo."""
        demo_only(self._at.doors.asking.sign_in)
        try:
            doors, said = self._at.doors, (await form_of(request)).get("person", "")
            who = await principal_of(doors.broker, said, doors.people)
        except LinliError as error:
            return await self._begin(request, error)
        token = await self._at.identity.logins.open(who, "demo", AT_HOME, strong=True, on=browser_of(request))
        return signed_in(request, RedirectResponse(LANDING.get(who.role, "/account"), 303), token, AT_HOME)

    async def help(self, request: Request) -> Response:
        """Say who helps somebody to sign in."""
        return await self._at.show(request, "sign-in-help.html", {})

    async def invitation(self, request: Request) -> Response:
        """Show what an invitation offers; its secret stands behind the # of the address and is sent by the script."""
        facts = {"provider": self._at.identity.other is not None}
        return await self._at.show(request, "sign-in-invitation.html", facts)

    # the district's own provider

    async def away(self, request: Request) -> Response:
        """Send the browser to the district's provider."""
        other = self._at.identity.other
        # A foreign page cannot sign anybody in behind his back: he presses the button here himself.
        if other is None or request.headers.get("sec-fetch-site") == "cross-site":
            return RedirectResponse("/sign-in", 303)
        query = request.query_params
        try:
            url, browser = await other.start(
                origin_of(request) + "/sign-in/provider/back",
                onward=onward_in(query.get("next", "")),
                invitation=cookie_of(request, INVITATION_COOKIE),
            )
        except LinliError as error:
            return await self._begin(request, error)
        response = RedirectResponse(url, 303)
        give_cookie(request, response, TRIP_COOKIE, browser, age_s=TRIP_S)
        return response

    async def back(self, request: Request) -> Response:
        """Take in who comes back from there."""
        other, identity = self._at.identity.other, self._at.identity
        if other is None:
            return RedirectResponse("/sign-in", 303)
        browser = cookie_of(request, TRIP_COOKIE)
        try:
            with identity.trying("provider", address_of(request)):
                known = await other.finished(dict(request.query_params), browser)
                account, writes = await identity.by_provider(known)
            response = RedirectResponse(known.onward or landing(account), 303)
            await self._at.admit(request, response, account, "provider", writes=writes, strong=known.strong)
        except LinliError as error:
            return await self._begin(request, error)
        for name in (TRIP_COOKIE, INVITATION_COOKIE):
            take_cookie(request, response, name)
        return response

    async def leave(self, request: Request) -> Response:
        """Sign out at once."""
        login = self._at.login(request)
        if login is not None:
            await self._at.identity.logins.close(login.id)
        return signed_out(request, RedirectResponse("/", 303))


def origin_of(request: Request) -> str:
    """Return scheme and host under which this node was called; the guard has held the host against those allowed."""
    return f"{request.scope.get('scheme', 'http')}://{request.headers.get('host', 'localhost')}"


def site_of(request: Request) -> Site:
    """Return as which site the browser of a request knows this node."""
    return Site(request.url.hostname or "localhost", origin_of(request))


def address_of(request: Request) -> str:
    """Return the address from which a request comes."""
    return request.client.host if request.client else ""


def browser_of(request: Request) -> str:
    """Return a few words for a browser, by which its owner knows it again in a list."""
    said = request.headers.get("user-agent", "")
    browser = next((words for mark, words in _BROWSERS if mark in said), "")
    system = next((one for one in _SYSTEMS if one in said), "")
    return " · ".join(one for one in (browser, system) if one)


def onward_in(path: str) -> str:
    """Return a path of this node; "" for anything that would lead elsewhere."""
    inside = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if inside else ""


def landing(account: Account) -> str:
    """Return the page on which somebody of this role begins."""
    return LANDING.get(account.role, "/account")


def to_sign_in(request: Request) -> Response:
    """Send somebody who is not signed in to the ways in, and back afterwards."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?{urlencode({'next': path})}", 303)


def _inside(entity: Plain, scopes: Sequence[str]) -> bool:
    return any(area == "/" or within_scope(scope, area) for scope in entity.scopes for area in scopes)


def role_words(role: str) -> dict[str, str]:
    """Return a role in both languages."""
    return both(f"face.sign-in.role.{role}")
