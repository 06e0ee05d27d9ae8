"""Devices and apps of vendors as principals of their own: each with its area, its attributes and its public keys.

A client proves itself with a short token that it signs (private_key_jwt). Two valid keys let it change one for the other.
Nothing secret of a client is kept here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from linli.base import MINUTE_US, SECOND_US, Clock, read_json, write_json
from linli.base.errors import AlreadyExists, BadRequestData, LinliError, ResourceNotFound, SignInNeeded
from linli.store import DropRecord

from ._asked import Principal
from ._records import TENANT, Records, put
from ._tickets import Tickets
from ._tokens import THEIRS, check_times, header_of, is_for, keys_of, read_token

KIND = "client"
KEYS_MAX = 3
REDIRECTS_MAX = 10
ASSERTION_S_MAX = 300
_DAY_US = 24 * 60 * MINUTE_US
#: device and vendor write in their own name; app acts for the person who let it; gate is a tablet that a clerk approves
ROLES = ("device", "vendor", "app", "gate")
GRANTS = {
    "device": ("client_credentials",),
    "vendor": ("client_credentials",),
    "app": ("authorization_code", "refresh_token"),
    "gate": ("urn:ietf:params:oauth:grant-type:device_code", "refresh_token"),
}
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{2,63}")
#: https, or an app's own scheme with a dot in it (RFC 8252), or a loopback address of a program on the same machine
_REDIRECT = re.compile(
    r"https://[^\s/?#]+(/[^\s#]*)?|[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/[^\s#]*|http://(127\.0\.0\.1|\[::1\])(:\d+)?/[^\s#]*"
)


@dataclass(frozen=True, slots=True)
class ClientApp:
    """A device, an app or a service of a vendor. `keys`: its public keys, a JWK set as JSON; none = a public client.

    `attrs`: the only attributes that it may write. `title`: what people read when they are asked about it. `until_us`: when
    it ends, on the wall clock; 0 = when it is dropped.
    """

    id: str
    role: str
    title: str
    scopes: tuple[str, ...] = ()
    attrs: tuple[str, ...] = ()
    keys: str = ""
    redirects: tuple[str, ...] = ()
    tenant: str = TENANT
    made_by: str = ""
    made_us: int = 0
    until_us: int = 0

    @property
    def grants(self) -> tuple[str, ...]:
        """How it may ask for tokens."""
        return GRANTS[self.role]

    def principal(self) -> Principal:
        """Return as whom it acts in its own name."""
        return Principal(
            f"client:{self.id}",
            self.role,
            self.scopes,
            name=self.title,
            tenant=self.tenant,
            attrs=frozenset(self.attrs),
        )


#: says who it is only by the code that a clerk reads on it
GATE_TABLET = ClientApp("gate-tablet", "gate", "Gate tablet")


class Clients:
    """Registers clients and checks what they sign."""

    def __init__(self, records: Records, wall: Clock) -> None:
        """Keep them in these records."""
        self._records = records
        self._wall = wall
        self._shown = Tickets(records, wall, "assertion", 2 * ASSERTION_S_MAX * SECOND_US)

    async def register(self, client: ClientApp, keys: Any = None, *, days: int = 0) -> ClientApp:
        """Register a client for so many days; 0 = until it is dropped.

        Raises: BadRequestData: with what is wrong. AlreadyExists.
        """
        now = self._wall.now_us()
        made = _checked(replace(client, made_us=now, until_us=now + days * _DAY_US if days else 0), keys)
        await self._records.write(put(KIND, made.id, made, 0), actor=client.made_by or "engine:trust")
        return made

    async def change_keys(self, client_id: str, keys: Any) -> ClientApp:
        """Give a client other keys. Raises: BadRequestData, ResourceNotFound, Conflict."""
        kept = await self._records.read(KIND, client_id, ClientApp)
        if kept is None:
            raise ResourceNotFound("There is no such client.")
        made = _checked(kept.doc, keys)
        await self._records.write(put(KIND, client_id, made, kept.version))
        return made

    async def get(self, client_id: str) -> ClientApp | None:
        """Return a client whose end has not come: a registered one, or the tablet of a gate, which every node knows."""
        if client_id == GATE_TABLET.id:
            return GATE_TABLET
        kept = await self._records.read(KIND, client_id, ClientApp)
        return kept.doc if kept and not 0 < kept.doc.until_us <= self._wall.now_us() else None

    async def all(self) -> list[ClientApp]:
        """Return all clients, the oldest first, also those whose end has come."""
        found: list[ClientApp] = []
        after = 0
        while page := await self._records.page(KIND, ClientApp, after=after):
            after = page[-1][0]
            found += [client for _, _, client in page]
        return found

    async def drop(self, client_id: str, by: str) -> None:
        """Remove a client: whatever it was given ends within a second. Raises: ResourceNotFound."""
        await self._records.write(DropRecord(KIND, client_id), actor=by)

    async def proved(self, said: Mapping[str, str], audience: tuple[str, ...]) -> ClientApp:
        """Return the client that a request to the token endpoint comes from.

        `said`: the form. A client with keys must sign; one without only says who it is.
        Raises: SignInNeeded: it is not proved.
        """
        assertion = said.get("client_assertion", "")
        named = said.get("client_id", "")
        if not assertion:
            client = await self.get(named) if named else None
            if client is None or client.keys:
                raise SignInNeeded("The client is not known, or must sign who it is.")
            return client
        if said.get("client_assertion_type") != ASSERTION_TYPE:
            raise SignInNeeded("client_assertion_type: only signed tokens (jwt-bearer) are taken.")
        return await self._signed(assertion, named, audience)

    async def _signed(self, assertion: str, named: str, audience: tuple[str, ...]) -> ClientApp:
        header_of(assertion)
        subject = _subject_in(assertion)
        client = await self.get(subject) if _ID.fullmatch(subject) else None
        if client is None or not client.keys or named not in ("", client.id):
            raise SignInNeeded("The client is not known, or has no key here.")
        claims = read_token(assertion, keys_of(read_json(client.keys.encode())), THEIRS)
        check_times(claims, self._wall.now_us() // SECOND_US, life_s_max=ASSERTION_S_MAX)
        mark = claims.get("jti")
        if claims.get("iss") != client.id or claims.get("sub") != client.id or not is_for(claims, audience):
            raise SignInNeeded("The client's token is meant for somebody else.")
        if not isinstance(mark, str) or not 8 <= len(mark) <= 128:
            raise SignInNeeded("The client's token needs a jti of its own.")
        try:
            await self._shown.issue("", secret=f"{client.id} {mark}")
        except AlreadyExists as error:
            raise SignInNeeded("The client's token was shown before.") from error
        return client


def _checked(client: ClientApp, keys: Any) -> ClientApp:
    if not _ID.fullmatch(client.id):
        raise BadRequestData("id: 3 to 64 small letters, digits, dots, - or _.")
    if client.id == GATE_TABLET.id or client.role not in ROLES:
        raise BadRequestData(f"role: one of {', '.join(ROLES)}.")
    if not client.title or len(client.title) > 80:
        raise BadRequestData("title: 1 to 80 letters that people understand.")
    found = keys_of(keys) if keys is not None else {}
    own = client.role in ("device", "vendor")
    if keys is not None and not 1 <= len(found) <= KEYS_MAX:
        raise BadRequestData(f"keys: a JWK set of 1 to {KEYS_MAX} public keys for signing.")
    if own and not (found and client.scopes and client.attrs):
        raise BadRequestData(
            "keys, scopes, attrs: a device or a vendor has a key, an area and the attributes it writes."
        )
    if client.role == "app" and not client.redirects:
        raise BadRequestData("redirects: name where people come back to.")
    if len(client.redirects) > REDIRECTS_MAX or not all(_REDIRECT.fullmatch(one) for one in client.redirects):
        raise BadRequestData("redirects: https addresses, an app's own scheme, or a loopback address; no fragment.")
    public = [{**key.as_dict(private=False), "kid": kid} for kid, key in found.items()]
    return replace(client, keys=write_json({"keys": public}).decode() if public else "")


def _subject_in(assertion: str) -> str:
    """Return whom a token names, before anything of it is believed: that is how its key is found."""
    payload = assertion.split(".")[1]
    try:
        claims = read_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, LinliError):
        return ""
    return str(claims.get("sub", "")) if isinstance(claims, dict) else ""
