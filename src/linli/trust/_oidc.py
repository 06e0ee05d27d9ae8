"""Sign-in by the district's own identity provider: OpenID Connect, code with PKCE, and its groups turned into our roles.

The browser goes there with a state, a nonce and a challenge, each good once and bound to this browser, and comes back with a
code. What the provider then says of the person counts only when its signature, issuer, audience, time and nonce hold. Every
connection goes out by egress.
"""

from __future__ import annotations

import base64
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from linli.base import MINUTE_US, SECOND_US, Clock, Settings, read_json, setting
from linli.base.errors import BadSetting, LinliError, SignInNeeded, Unreachable
from linli.egress import Egress, Request

from ._accounts import STAFF
from ._messages import secret_in
from ._records import Records
from ._tickets import Tickets
from ._tokens import THEIRS, Key, check_times, header_of, is_for, keys_of, read_token

ISSUER = setting(
    "trust.oidc_issuer", "", "Issuer of the district's own identity provider, like https://id.example; empty: none."
)
CLIENT = setting("trust.oidc_client", "linli", "Name under which this node is registered with the identity provider.")
SECRET_FILE = setting(
    "trust.oidc_secret_file", "", "File that holds this node's secret for the identity provider; empty: PKCE alone."
)
GROUPS = setting("trust.oidc_groups", "groups", "Claim under which the identity provider names somebody's groups.")
ROLES = setting(
    "trust.oidc_roles", "", "File (TOML) that says which group of the identity provider is which role here, and where."
)

LIFE_US = 10 * MINUTE_US
#: how long what the provider says of itself is believed; how often its keys are asked for again when one is unknown
DESCRIBED_US = 60 * MINUTE_US
KEYS_US = MINUTE_US
DOCUMENT_BYTES_MAX = 256 << 10
TOKEN_LIFE_S_MAX = 24 * 3600
#: what a provider says under amr when more than a password was shown
_STRONG = frozenset({"mfa", "hwk", "swk", "otp", "fpt", "face", "sc", "pop"})
_NOT_HELD = "What the identity provider said could not be checked. Try again."


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a group of the provider is here."""

    group: str
    role: str
    scopes: tuple[str, ...]
    gates: tuple[str, ...] = ()
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Whom the provider knows: its own name for him, his groups, and what we were asked to do afterwards."""

    subject: str
    groups: tuple[str, ...]
    strong: bool
    name: str
    onward: str
    invitation: str


@dataclass(frozen=True, slots=True)
class _Asked:
    nonce: str
    verifier: str
    redirect: str
    browser: str
    onward: str
    invitation: str


@dataclass(slots=True)
class _Described:
    said: Mapping[str, Any]
    at_us: int
    keys: dict[str, Key] = field(default_factory=dict)
    keys_us: int = 0


class OtherProvider:
    """The district's identity provider, as its client."""

    def __init__(
        self,
        records: Records,
        egress: Egress,
        wall: Clock,
        *,
        issuer: str,
        client_id: str,
        client_secret: str = "",
        groups_claim: str = "groups",
        roles: Sequence[Mapped] = (),
    ) -> None:
        """Trust this issuer; an empty secret makes this a public client, which PKCE alone protects."""
        self.issuer = issuer
        self._egress = egress
        self._wall = wall
        self._client_id = client_id
        self._client_secret = client_secret
        self._groups_claim = groups_claim
        self._roles = tuple(roles)
        self._asked = Tickets(records, wall, "provider", LIFE_US)
        self._described: _Described | None = None

    @classmethod
    def of(cls, settings: Settings, records: Records, egress: Egress, wall: Clock) -> OtherProvider | None:
        """Return what the settings name; None where they name none. Raises: BadSetting."""
        if not settings[ISSUER]:
            return None
        egress.check(settings[ISSUER])
        return cls(
            records,
            egress,
            wall,
            issuer=settings[ISSUER],
            client_id=settings[CLIENT],
            client_secret=secret_in(settings[SECRET_FILE], SECRET_FILE),
            groups_claim=settings[GROUPS],
            roles=roles_in(Path(settings[ROLES])) if settings[ROLES] else (),
        )

    async def start(self, redirect: str, *, onward: str = "", invitation: str = "") -> tuple[str, str]:
        """Return where the browser goes, and what it must show when it comes back.

        Raises: Unreachable: the provider does not answer, or not as one.
        """
        described = await self._description()
        verifier, nonce, browser = secrets.token_urlsafe(48), secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        state = await self._asked.issue(_Asked(nonce, verifier, redirect, browser, onward, invitation))
        parts = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        address = str(described.said["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{urlencode(parts)}", browser

    async def finished(self, said: Mapping[str, str], browser: str) -> Known:
        """Return whom the provider knows. `said`: the query with which the browser came back.

        Raises: SignInNeeded: it does not hold, was used, or belongs to another browser. Unreachable.
        """
        asked = await self._asked.take(said.get("state", ""), _Asked)
        if asked is None or not browser or not secrets.compare_digest(asked.browser, browser):
            raise SignInNeeded("This sign-in was begun elsewhere, or took too long. Begin anew.")
        described = await self._description()
        named = said.get("iss")
        must_name = described.said.get("authorization_response_iss_parameter_supported") is True
        if (named or must_name) and named != self.issuer:
            raise SignInNeeded(_NOT_HELD, why="iss of the answer")
        if "error" in said or not said.get("code"):
            raise SignInNeeded("The identity provider did not sign you in.")
        claims = await self._claims(await self._redeemed(described, asked, said["code"]))
        if not secrets.compare_digest(str(claims.get("nonce", "")), asked.nonce):
            raise SignInNeeded(_NOT_HELD, why="nonce")
        groups = claims.get(self._groups_claim, [])
        amr = claims.get("amr", [])
        return Known(
            str(claims["sub"]),
            tuple(one for one in groups if isinstance(one, str)) if isinstance(groups, list) else (str(groups),),
            isinstance(amr, list) and not _STRONG.isdisjoint(one for one in amr if isinstance(one, str)),
            str(claims.get("name", ""))[:80],
            asked.onward,
            asked.invitation,
        )

    def mapped(self, groups: Sequence[str]) -> Mapped | None:
        """Return what somebody of these groups is here: the first entry of the file that names one of them."""
        return next((one for one in self._roles if one.group in groups), None)

    # inside

    async def _description(self) -> _Described:
        now = self._wall.now_us()
        known = self._described
        if known is not None and 0 <= now - known.at_us < DESCRIBED_US:
            return known
        said = await self._document(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if said.get("issuer") != self.issuer or not all(isinstance(said.get(one), str) for one in needed):
            raise Unreachable("The identity provider does not describe itself as its address says.")
        self._described = _Described(said, now)
        return self._described

    async def _document(self, url: str) -> Mapping[str, Any]:
        response = await self._egress.get(url, DOCUMENT_BYTES_MAX, {"accept": "application/json"})
        return _object_in(response.status, response.body)

    async def _redeemed(self, described: _Described, asked: _Asked, code: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.redirect,
            "code_verifier": asked.verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if self._client_secret:
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = self._client_id
        request = Request(
            "POST",
            str(described.said["token_endpoint"]),
            headers,
            urlencode(form).encode(),
            bytes_max=DOCUMENT_BYTES_MAX,
        )
        response = await self._egress.send(request)
        if response.status >= 500:
            raise Unreachable("The identity provider is in trouble.")
        if response.status != 200:
            raise SignInNeeded("The identity provider did not take its own code back. Begin anew.")
        token = _object_in(response.status, response.body).get("id_token")
        if not isinstance(token, str):
            raise SignInNeeded(_NOT_HELD, why="no id_token")
        return token

    async def _claims(self, token: str) -> dict[str, Any]:
        """Return what an id token says, once everything about it holds."""
        keys = await self._keys_for(header_of(token).get("kid"))
        claims = read_token(token, keys, THEIRS)
        check_times(claims, self._wall.now_us() // SECOND_US, life_s_max=TOKEN_LIFE_S_MAX)
        others = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
        if claims.get("iss") != self.issuer or not is_for(claims, (self._client_id,)) or not claims.get("sub"):
            raise SignInNeeded(_NOT_HELD, why="iss, aud or sub")
        if (others or "azp" in claims) and claims.get("azp") != self._client_id:
            raise SignInNeeded(_NOT_HELD, why="azp")
        return claims

    async def _keys_for(self, kid: object) -> dict[str, Key]:
        described = await self._description()
        now = self._wall.now_us()
        if kid not in described.keys and (not described.keys_us or now - described.keys_us >= KEYS_US):
            described.keys = keys_of(await self._document(str(described.said["jwks_uri"])))
            described.keys_us = now
        return described.keys


def roles_in(file: Path) -> tuple[Mapped, ...]:
    """Read which groups of the provider are which roles here. Raises: BadSetting: with the line that is wrong."""
    try:
        said = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(f"trust.oidc_roles = {file}: cannot be read: {error}.") from error
    listed = said.get("role")
    if not isinstance(listed, list) or set(said) != {"role"}:
        raise BadSetting(f"trust.oidc_roles = {file}: holds entries [[role]], and nothing else.")
    found = []
    for at, one in enumerate(listed):
        place = f"trust.oidc_roles = {file}: role[{at}]"
        unknown = set(one) - {"group", "role", "scopes", "gates", "organisation"}
        if unknown:
            raise BadSetting(f"{place}: there is no {min(unknown)} here.")
        if not isinstance(one.get("group"), str) or one.get("role") not in STAFF:
            raise BadSetting(f"{place}: needs a group, and a role that is one of {', '.join(STAFF)}.")
        lists = {name: one.get(name, []) for name in ("scopes", "gates")}
        if not all(
            isinstance(value, list) and all(isinstance(text, str) for text in value) for value in lists.values()
        ):
            raise BadSetting(f"{place}: scopes and gates are lists of texts.")
        if not lists["scopes"]:
            raise BadSetting(f"{place}: scopes: name the areas for which they work.")
        found.append(
            Mapped(
                one["group"], one["role"], tuple(lists["scopes"]), tuple(lists["gates"]), one.get("organisation", "")
            )
        )
    return tuple(found)


def _object_in(status: int, body: bytes) -> Mapping[str, Any]:
    try:
        said = read_json(body)
    except LinliError as error:
        raise Unreachable("The identity provider gave no answer that can be read.") from error
    if status != 200 or not isinstance(said, dict):
        raise Unreachable("The identity provider gave no answer that can be read.")
    return said
