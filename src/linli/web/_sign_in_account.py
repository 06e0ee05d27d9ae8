"""An account's own pages: where it is signed in, its passkeys, whom it acts for; whom it may let in; devices at gates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from linli.base import to_wire_time, type_of_urn
from linli.base.errors import BadRequestData, LinliError, NotAllowed, ResourceNotFound, SignInNeeded
from linli.trust import OWN, STAFF, Account, Act, Login, Principal, Somebody, Thing

from ._pages import form_of
from ._sign_in import Threshold, origin_of, role_words, to_sign_in

Handler = Callable[[Request], Awaitable[Response]]


class AccountPages:
    """The pages of who is signed in."""

    def __init__(self, threshold: Threshold) -> None:
        """Stand on this threshold."""
        self._at = threshold

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route("/account", self._signed_in(self.show), methods=["GET"]),
            Route("/account/end", self._signed_in(self.end), methods=["POST"]),
            Route("/account/end-all", self._signed_in(self.end_all), methods=["POST"]),
            Route("/account/passkey/remove", self._signed_in(self.remove_passkey), methods=["POST"]),
            Route("/account/for", self._signed_in(self.act_for), methods=["POST"]),
            Route("/account/invite", self._signed_in(self.invite), methods=["GET"]),
            Route("/account/invite", self._signed_in(self.invited), methods=["POST"]),
            Route("/account/invite/withdraw", self._signed_in(self.withdraw), methods=["POST"]),
            Route("/account/block", self._signed_in(self.block), methods=["POST"]),
            Route("/account/card", self._signed_in(self.card), methods=["GET"]),
            Route("/account/card", self._signed_in(self.give_card), methods=["POST"]),
            Route("/account/card/withdraw", self._signed_in(self.withdraw_card), methods=["POST"]),
            Route("/device", self._signed_in(self.device), methods=["GET"]),
            Route("/device", self._signed_in(self.decide), methods=["POST"]),
        ]

    def _signed_in(self, handler: Handler) -> Handler:
        """Return a handler that sends whoever is not signed in to the ways in first."""

        @wraps(handler)
        async def endpoint(request: Request) -> Response:
            if self._at.login(request) is None and self._at.doors.asking.sign_in != "open":
                return to_sign_in(request)
            return await handler(request)

        return endpoint

    # my account

    async def show(self, request: Request, fault: LinliError | None = None) -> Response:
        """Show who I am here, where I am signed in, and what I can do about it."""
        login = self._at.login(request)
        account = await self._at.identity.accounts.get(login.account) if login and login.account else None
        act = self._at.doors.asking.act(request.scope)
        facts = {
            "account": account,
            "name": act.who.name,
            "role": role_words(act.who.role),
            "areas": await self._at.areas_of(act.who.scopes),
            "logins": [_login_line(one, login) for one in await self._logins(login)],
            "passkeys": await self._passkeys(account),
            "mandates": await self._mandates(act.who),
            "for_whom": act.for_whom,
            "may_invite": self._at.may_grant(request, "clerk"),
            "may_card": self._at.may_grant(request, "resident"),
            "may_device": self._at.may_grant(request, "device"),
            "may_movements": self._may_list(act, "MovementQuery"),
        }
        return await self._at.show(request, "account.html", facts, fault=fault)

    def _may_list(self, act: Act, type_name: str) -> bool:
        allow = self._at.doors.allow
        return allow.allows(act, "list", Thing(type_name, act.who.scopes)).ok

    async def _logins(self, login: Login | None) -> list[Login]:
        if login is None:
            return []
        return await self._at.identity.logins.of(login.account) if login.account else [login]

    async def _passkeys(self, account: Account | None) -> list[dict[str, Any]]:
        if account is None:
            return []
        found = await self._at.identity.passkeys.of(account)
        return [
            {"id": record_id, "on": one.on, "made": to_wire_time(one.made_us), "used": _time(one.used_us)}
            for record_id, one in zip(account.passkeys, found, strict=True)
        ]

    async def _mandates(self, who: Principal) -> list[dict[str, Any]]:
        doors = self._at.doors
        standing = doors.broker.persons.delegations.of(who.tenant, who.id, doors.clock.now_us())
        found = []
        for one in standing:
            if one.principal == who.id:
                person = await doors.looked_up(one.for_whom)
                name = str(person.values.get("fullName", "")) if person else ""
                found.append({"person": one.for_whom, "name": name, "until": to_wire_time(one.end_us)})
        return found

    async def end(self, request: Request) -> Response:
        """End one sign-in of mine."""
        login = self._own_login(request)
        wanted = (await form_of(request)).get("login", "")
        if wanted not in {one.id for one in await self._logins(login)}:
            return await self.show(request, ResourceNotFound("This sign-in is over already."))
        await self._at.identity.logins.close(wanted, self._at.doors.asking.act(request.scope))
        return RedirectResponse("/" if wanted == login.id else "/account", 303)

    async def end_all(self, request: Request) -> Response:
        """End all my sign-ins, this one too."""
        login = self._own_login(request)
        act = self._at.doors.asking.act(request.scope)
        if login.account:
            await self._at.identity.logins.close_all(login.account, by=act)
        await self._at.identity.logins.close(login.id, act)
        return RedirectResponse("/sign-in", 303)

    async def remove_passkey(self, request: Request) -> Response:
        """Take a passkey from my account."""
        try:
            _, account = await self._at.own(request)
            await self._at.identity.passkeys.remove(account.id, (await form_of(request)).get("passkey", ""))
        except LinliError as error:
            return await self.show(request, error)
        return RedirectResponse("/account", 303)

    async def act_for(self, request: Request) -> Response:
        """Act for somebody who let me, or for myself again."""
        login = self._own_login(request)
        person = (await form_of(request)).get("person", "")
        doors = self._at.doors
        if person and not doors.broker.persons.delegations.may(
            login.who.tenant, login.who.id, person, None, doors.clock.now_us()
        ):
            return await self.show(request, NotAllowed("Nothing lets you act for this person, or not any more."))
        await self._at.identity.logins.act_for(login, person)
        return RedirectResponse("/" if person else "/account", 303)

    def _own_login(self, request: Request) -> Login:
        login = self._at.login(request)
        if login is None:
            raise SignInNeeded
        return login

    # inviting

    async def invite(self, request: Request) -> Response:
        """Show the open invitations, and a form for a new one."""
        return await self._invite_page(request)

    async def _invite_page(
        self, request: Request, fault: LinliError | None = None, link: str = "", typed: dict[str, str] | None = None
    ) -> Response:
        act = self._at.doors.asking.act(request.scope)
        roles = [role for role in (*STAFF, *OWN) if self._at.may_grant(request, role)]
        listed = await self._at.identity.invitations.listed()
        facts = {
            "roles": [(role, role_words(role)) for role in roles],
            "areas": await self._at.areas_below(act.who.scopes),
            "link": link,
            "accounts": await self._staff(request),
            "typed": dict.fromkeys(("label", "role", "area", "gates", "person", "days"), "") | (typed or {}),
            "invitations": [
                {"id": one.id, "label": one.label, "role": role_words(one.account.role), "until": _time(one.until_us)}
                for one in listed
                if one.account.role in roles and one.account.tenant == act.who.tenant
            ],
        }
        return await self._at.show(request, "account-invite.html", facts, fault=fault)

    async def invited(self, request: Request) -> Response:
        """Make an invitation, and show its link once."""
        form = await form_of(request)
        try:
            account = _account_in(form, self._at.doors.asking.act(request.scope).who.tenant)
            act = self._at.must_grant(request, account.role, account.scopes)
            days = form.get("days") or "7"
            if not days.isdecimal():
                raise BadRequestData("days: a whole number.")
            secret = await self._at.identity.invitations.make(
                account, form.get("label", "").strip(), act.who.id, days=int(days)
            )
        except LinliError as error:
            return await self._invite_page(request, error, typed=form)
        return await self._invite_page(request, link=f"{origin_of(request)}/sign-in/invitation#{secret}")

    async def withdraw(self, request: Request) -> Response:
        """Take an invitation back."""
        wanted = (await form_of(request)).get("invitation", "")
        try:
            for one in await self._at.identity.invitations.listed():
                if one.id == wanted:
                    self._at.must_grant(request, one.account.role, one.account.scopes)
                    await self._at.identity.invitations.withdraw(wanted)
        except LinliError as error:
            return await self._invite_page(request, error)
        return RedirectResponse("/account/invite", 303)

    async def _staff(self, request: Request) -> list[dict[str, Any]]:
        """Return the accounts of staff that the asker may give, and so take away."""
        act = self._at.doors.asking.act(request.scope)
        return [
            {
                "id": one.id,
                "label": self._at.identity.accounts.label_of(one),
                "role": role_words(one.role),
                "areas": await self._at.areas_of(one.scopes),
                "blocked": one.blocked,
            }
            async for one in self._at.identity.accounts.all()
            if one.role in STAFF and self._at.may(act, one.role, one.scopes)
        ]

    async def block(self, request: Request) -> Response:
        """Shut an account, whose sign-ins end at once, or open it again."""
        form = await form_of(request)
        identity = self._at.identity
        try:
            account = await identity.accounts.get(form.get("account", ""))
            if account is None:
                raise ResourceNotFound("There is no such account.")
            act = self._at.must_grant(request, account.role, account.scopes)
            if (account.person or account.id) == act.who.id:
                raise NotAllowed("Nobody shuts himself out; another administrator can.")
            await identity.accounts.change(account.id, blocked=form.get("say") == "block")
            await identity.logins.close_all(account.id, by=act)
        except LinliError as error:
            return await self._invite_page(request, error)
        return RedirectResponse("/account/invite", 303)

    # household cards

    async def card(self, request: Request) -> Response:
        """Show the form by which a household gets a card."""
        return await self._card_page(request, person=request.query_params.get("person", ""))

    async def _card_page(self, request: Request, fault: LinliError | None = None, **facts: Any) -> Response:
        return await self._at.show(
            request, "account-card.html", {"person": "", "printed": None, "name": "", **facts}, fault=fault
        )

    async def give_card(self, request: Request) -> Response:
        """Give a resident's household a card, and show once what is printed on it."""
        person = (await form_of(request)).get("person", "").strip()
        try:
            entity = await self._at.doors.looked_up(person)
            if entity is None or type_of_urn(person) != "Resident":
                raise ResourceNotFound("There is no resident of this id.")
            act = self._at.must_grant(request, "resident", entity.scopes)
            somebody = Somebody(person, "resident", entity.scopes)
            account, made = await self._at.codes.account_of(somebody)
            printed = await self._at.identity.cards.give(account, made, act.who.id)
        except LinliError as error:
            return await self._card_page(request, error, person=person)
        return await self._card_page(request, printed=printed, name=str(entity.values.get("fullName", "")))

    async def withdraw_card(self, request: Request) -> Response:
        """Withdraw a card by its number."""
        number = (await form_of(request)).get("number", "")
        try:
            account = await self._at.identity.cards.account(number)
            act = self._at.must_grant(request, "resident", account.scopes)
            await self._at.identity.cards.withdraw(number, act.who.id)
        except LinliError as error:
            return await self._card_page(request, error)
        return RedirectResponse("/account/card", 303)

    # gate tablets

    async def device(self, request: Request) -> Response:
        """Ask for the code that a device shows, or show which device shows it."""
        return await self._device_page(request, request.query_params.get("code", ""))

    async def _device_page(
        self, request: Request, code: str, fault: LinliError | None = None, done: str = ""
    ) -> Response:
        waiting = None
        if code and not done and fault is None:
            try:
                waiting = await self._at.identity.provider.waiting(code)
            except LinliError as error:
                fault = error
        scopes = self._at.doors.asking.act(request.scope).who.scopes
        gates = await self._at.gates_in(scopes) if waiting else []
        facts = {"code": code, "waiting": waiting, "gates": gates, "done": done}
        return await self._at.show(request, "device.html", facts, fault=fault)

    async def decide(self, request: Request) -> Response:
        """Let a device stand at a gate, or turn it away."""
        form = await form_of(request)
        code, gate_id = form.get("code", ""), form.get("gate", "")
        try:
            if form.get("say") == "no":
                self._at.must_grant(request, "device", self._at.doors.asking.act(request.scope).who.scopes)
                await self._at.identity.provider.decide(code, None)
                return await self._device_page(request, code, done="no")
            gate = await self._at.doors.looked_up(gate_id)
            if gate is None or gate.type != "Gate":
                raise BadRequestData("gate: choose the gate at which the device stands.")
            act = self._at.must_grant(request, "device", gate.scopes)
            who = Principal(f"gate:{gate_id}", "guard", gate.scopes, tenant=act.who.tenant, gates=(gate_id,))
            await self._at.identity.provider.decide(code, who)
        except LinliError as error:
            return await self._device_page(request, code, error)
        return await self._device_page(request, code, done="yes")


def _account_in(form: Mapping[str, str], tenant: str) -> Account:
    """Return what the form of an invitation says somebody will be."""
    return Account(
        "",
        form.get("role", ""),
        tuple(form.get("area", "").split()),
        tuple(form.get("gates", "").split()),
        form.get("organisation", "").strip(),
        tenant,
        form.get("person", "").strip(),
    )


def _login_line(one: Login, here: Login | None) -> dict[str, Any]:
    return {
        "id": one.id,
        "how": one.how,
        "on": one.on,
        "here": here is not None and one.id == here.id,
        "since": to_wire_time(one.since_us),
        "seen": to_wire_time(one.seen_us),
        "until": to_wire_time(one.until_us),
    }


def _time(at_us: int) -> str:
    return to_wire_time(at_us) if at_us else ""
