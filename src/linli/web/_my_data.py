"""My data: what is kept of me, what I agreed to, who acts for me; correct it, take a copy along, be forgotten.

Everything works without a script: each switch is a form. Who acts for somebody under a delegation sees and decides here
for that person. What I agree to is shown in the very words whose hash is kept with my answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from linli.base import call_number, say, to_wire_time, type_of_urn, write_json
from linli.base.errors import BadRequestData, LinliError, NotAllowed, ResourceNotFound, SignInNeeded
from linli.broker import Draft, Looks, Plain
from linli.trust import Act
from linli.vocab import Attribute, vocabulary

from ._answers import answer, body_of
from ._doors import Doors
from ._front import FrontDesk
from ._pages import STATIC, Assets, Pages, form_of, language_of
from ._people import LOOKING

#: what everybody corrects himself; the rest he asks to have corrected
OWN_WORDS = ("telephone", "email", "preferredChannel", "language", "quietHours")
#: version of the words in which consent is asked for; it moves with every change of them
TEXT_VERSION = "1"
WORDS_MAX = 200
PAGE = "/my-data"

Handler = Callable[[Request], Awaitable[Response]]
Form = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose data it is about, and who asks."""

    act: Act
    person: str


class MyData:
    """The page, and the same as JSON."""

    def __init__(self, doors: Doors) -> None:
        """Work through these doors."""
        self._doors = doors
        self._vocab = vocabulary()
        self._pages = Pages(FrontDesk(doors), Assets(STATIC))
        self._steps = {"consents": self._agree, "correct": self._correct, "erase": self._erase, "stay": self._stay}
        self._steps["delegations"] = self._end_delegation

    def routes(self) -> list[Route]:
        """Return the Starlette routes."""
        return [
            Route(PAGE, self.page, methods=["GET"]),
            Route("/api/my-data", self.said, methods=["GET"]),
            Route("/api/my-data/export", self.export, methods=["GET"]),
            Route("/api/my-data/receipts/{number}", self.receipt, methods=["GET"]),
            *(Route(f"{PAGE}/{step}", self._posted(step), methods=["POST"]) for step in self._steps),
            *(Route(f"/api/my-data/{step}", self._sent(step), methods=["POST"]) for step in self._steps),
        ]

    # what there is

    async def said(self, request: Request) -> Response:
        """Say what is kept of the asker, what he agreed to, who acts for him, and whether he is about to be erased."""
        return answer(await self._facts(self._asked(request), language_of(request)))

    async def page(self, request: Request) -> Response:
        """Show it in plain words."""
        try:
            return await self._show(request)
        except SignInNeeded:
            return RedirectResponse(f"/sign-in?next={quote(PAGE)}", status_code=303)

    async def export(self, request: Request) -> Response:
        """Give a copy of all that is kept, as JSON-LD."""
        asked = self._asked(request)
        copy = await self._doors.broker.export(asked.act, asked.person)
        headers = {"content-disposition": 'attachment; filename="linli-my-data.jsonld"', "cache-control": "no-store"}
        return Response(write_json(copy, pretty=True), headers=headers, media_type="application/ld+json")

    async def receipt(self, request: Request) -> Response:
        """Give the signed receipt of an erasure by its number; it names nobody, so nobody need sign in for it."""
        tenant = self._doors.asking.act(request.scope).tenant
        return answer(await self._doors.broker.receipt(tenant, str(request.path_params["number"])))

    # steps

    def _posted(self, step: str) -> Handler:
        async def endpoint(request: Request) -> Response:
            try:
                await self._steps[step](self._asked(request), dict(await form_of(request)), language_of(request))
            except SignInNeeded:
                return RedirectResponse(f"/sign-in?next={quote(PAGE)}", status_code=303)
            except LinliError as error:
                return await self._show(request, error)
            return RedirectResponse(PAGE, status_code=303)

        endpoint.__doc__ = f"By a form of the page: {self._steps[step].__doc__}"
        return endpoint

    def _sent(self, step: str) -> Handler:
        async def endpoint(request: Request) -> Response:
            asked, language = self._asked(request), language_of(request)
            await self._steps[step](asked, dict(await body_of(request, optional=True)), language)
            return answer(await self._facts(asked, language))

        endpoint.__doc__ = self._steps[step].__doc__
        return endpoint

    async def _agree(self, asked: Asked, form: Form, language: str) -> None:
        """Write down that somebody agrees to a purpose, or no longer does: `{purpose, agree}`."""
        purpose, agrees = form.get("purpose"), form.get("agree") in ("1", True)
        if purpose not in self._asked_for():
            raise BadRequestData("purpose: one of those that need your consent.")
        doors, now = self._doors, self._doors.broker.now_us()
        text = self._consent_text(purpose, language)
        said: Form = {
            "subject": asked.person,
            "purpose": purpose,
            "textVersion": f"{TEXT_VERSION}-{language}",
            "textHash": hashlib.sha256(text.encode()).hexdigest(),
            "at": to_wire_time(now),
            "channel": "app",
            **({"guardian": asked.act.who.id} if asked.act.for_whom else {}),
            **({} if agrees else {"withdrawnAt": to_wire_time(now)}),
        }
        # A consent to all of it is two: one for what is sensitive stands apart. A withdrawal takes both away.
        separate = (True, False) if agrees and self._basis(purpose) == "consent" else (agrees,)
        scopes = await self._scopes(asked.person)
        drafts = [
            Draft(doors.broker.ids.new("Consent", now), "Consent", {**said, "separate": one}, scopes, 0)
            for one in separate
        ]
        await doors.broker.write(asked.act, drafts)

    async def _correct(self, asked: Asked, form: Form, _: str) -> None:
        """Write how somebody wants to be reached and spoken to: `{telephone?, email?, language?, ...}`."""
        values: Form = {}
        for name in OWN_WORDS:
            if name in form:
                value = form[name]
                if value is not None and (not isinstance(value, str) or len(value) > WORDS_MAX):
                    raise BadRequestData(f"{name}: a text of at most {WORDS_MAX} characters.")
                values[name] = (value or "").strip() or None
        if not values:
            raise BadRequestData(f"Nothing to correct: say one of {', '.join(OWN_WORDS)}.")
        await self._doors.broker.write(asked.act, [Draft(asked.person, "Resident", values)])

    async def _erase(self, asked: Asked, form: Form, _: str) -> None:
        """Take the wish to be erased: `{sure}`; it is carried out when the waiting time is over."""
        if form.get("sure") not in ("1", True):
            raise BadRequestData("sure: say that you are sure, by 1.")
        await self._doors.broker.ask_erasure(asked.act, asked.person)

    async def _stay(self, asked: Asked, _form: Form, _: str) -> None:
        """Take the wish to be erased back."""
        await self._doors.broker.stay(asked.act, asked.person)

    async def _end_delegation(self, asked: Asked, form: Form, _: str) -> None:
        """End a delegation, from either side: `{delegation}`."""
        said, doors = str(form.get("delegation", "")), self._doors
        standing = doors.broker.persons.delegations.of(asked.act.tenant, asked.person, doors.broker.now_us())
        if said not in {one.mandate_id for one in standing}:
            raise ResourceNotFound("There is no such delegation.")
        now = to_wire_time(doors.broker.now_us())
        await doors.broker.write(asked.act, [Draft(said, "Delegation", {"revokedAt": now})])

    # facts

    def _asked(self, request: Request) -> Asked:
        """Return whose data are asked for. Raises: SignInNeeded. NotAllowed: the asker is no resident."""
        act = self._doors.asking.act(request.scope)
        person = act.for_whom or act.who.id
        if act.who.role == "caller":
            raise SignInNeeded("Sign in to see what is kept of you.")
        if type_of_urn(person) != "Resident":
            raise NotAllowed("Only who stands in the register of residents has data of his own here.")
        return Asked(replace(act, purpose="registry"), person)

    async def _facts(self, asked: Asked, language: str) -> dict[str, Any]:
        """Return all that is shown. Raises: ResourceNotFound: nothing is kept of the person."""
        broker, looks = self._doors.broker, Looks(asked.act)
        him = await broker.read(asked.act, asked.person)
        if him is None:
            raise ResourceNotFound
        await broker.get(asked.act, asked.person, simplified=True, looks=looks)
        await broker.shown(looks, "read")
        wish = await broker.erasure_wish(asked.act.tenant, asked.person)
        holds = await broker.holds_of(asked.act.tenant, asked.person)
        held_us = max((one.until_us for one in holds), default=0)
        return {
            "person": asked.person,
            "own": not asked.act.for_whom,
            "kept": [
                {"name": one.name, "title": one.title[language], "value": await self._worded(one, value, language)}
                for name, value in him.values.items()
                if (one := self._vocab.types["Resident"].attributes.get(name)) is not None
            ],
            "correct": {name: him.values.get(name) or "" for name in OWN_WORDS},
            "consents": [self._consent(asked, purpose, language) for purpose in self._asked_for()],
            "delegations": await self._delegations(asked, language),
            "erasure": wish and {"dueAt": to_wire_time(max(wish.due_us, held_us)), "number": wish.number},
            "held": [
                {"what": self._vocab.types[one.type].title[language], "until": to_wire_time(one.until_us)}
                for one in holds
            ],
            "waitH": broker.erasing.wait_h if broker.erasing else None,
        }

    async def _worded(self, attribute: Attribute, value: Any, language: str) -> str:
        """Return a value as people read it; of what it leads to, the name where that has one, else the end of its id."""
        if attribute.kind == "Relationship":
            areas = [await self._doors.area(one) if type_of_urn(one) == "Area" else None for one in _many(value)]
            named = zip(areas, _many(value), strict=True)
            return "、".join(area["name"].get(language, one) if area else call_number(one) for area, one in named)
        if isinstance(value, bool):
            return say(f"face.my-data.{'yes' if value else 'no'}", language)
        if attribute.list_name is not None:
            codes = self._vocab.lists[attribute.list_name].codes
            return "、".join(codes.get(one, {}).get(language, one) for one in _many(value))
        if isinstance(value, dict):
            return " ".join(str(one) for one in value.values() if isinstance(one, str | int))
        return "、".join(map(str, _many(value)))

    def _asked_for(self) -> list[str]:
        """Return the purposes for which anything is used by consent only."""
        needs = self._doors.broker.persons.consents.needs
        return [code for code in self._vocab.lists["purpose"].codes if needs(code, "sensitive")]

    def _basis(self, purpose: str) -> str:
        return self._vocab.lists["purpose"].basis[purpose]

    def _consent(self, asked: Asked, purpose: str, language: str) -> dict[str, Any]:
        """Return what somebody said last about a purpose, with the words in which he is asked."""
        said = self._doors.broker.persons.consents.said(asked.act.tenant, asked.person, purpose, separate=True)
        return {
            "purpose": purpose,
            "title": self._vocab.lists["purpose"].codes[purpose][language],
            "basis": self._basis(purpose),
            "text": self._consent_text(purpose, language),
            "answer": None if said is None else said.answer,
            "at": None if said is None else to_wire_time(said.said_us),
        }

    def _consent_text(self, purpose: str, language: str) -> str:
        title = self._vocab.lists["purpose"].codes[purpose][language]
        return say(f"face.my-data.text.{self._basis(purpose)}", language, purpose=title)

    async def _delegations(self, asked: Asked, language: str) -> list[dict[str, Any]]:
        """Return who acts for the person and for whom he acts, both with the end of it."""
        doors, lists, told = self._doors, self._vocab.lists, []
        for one in doors.broker.persons.delegations.of(asked.act.tenant, asked.person, doors.broker.now_us()):
            acts = one.principal == asked.person
            other = await doors.looked_up(one.for_whom if acts else one.principal)
            told.append(
                {
                    "id": one.mandate_id,
                    "acts": acts,
                    "name": _surname(other),
                    "kind": lists["delegation_kind"].codes[one.kind][language],
                    "purposes": [lists["purpose"].codes[code][language] for code in sorted(one.purposes)],
                    "until": to_wire_time(one.end_us),
                }
            )
        return told

    async def _scopes(self, person: str) -> tuple[str, ...] | None:
        found = await self._doors.broker.read(LOOKING, person)
        return None if found is None else found.scopes

    async def _show(self, request: Request, fault: LinliError | None = None) -> Response:
        facts = await self._facts(self._asked(request), language_of(request))
        zone = ZoneInfo(self._doors.zone)

        def day(wire: str) -> str:
            return datetime.fromisoformat(wire).astimezone(zone).strftime("%Y-%m-%d %H:%M")

        shown = {**facts, "day": day, "fault": fault.message if fault else None}
        return await self._pages.page(request, "sign-in", "my-data.html", shown, status=fault.status if fault else 200)


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _surname(person: Plain | None) -> str:
    """Return by what somebody else is known here: his surname alone."""
    name = str(person.values.get("fullName", "")) if person else ""
    return name[:1] + "**" if name else ""
