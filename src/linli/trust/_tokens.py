"""Signed tokens (JWT), read so that nothing in a token decides how it is checked.

Allowed in a header are alg, kid and typ. The algorithm must be on the list that whoever reads gives, the key is found by
kid in a table that he gives too; a token that brings a key along, or says where one lies (jwk, jku, x5c, x5u), or asks for
special treatment (crit), is refused before anything is computed. No file and no network is touched.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from linli.base import read_json, write_json
from linli.base.errors import LinliError, SignInNeeded

Key = ECKey | OKPKey | RSAKey
#: what others may sign with; our own tokens are of the first only
OURS = "Ed25519"
THEIRS = ("ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519")
TOKEN_LETTERS_MAX = 8192
#: how far clocks of two machines may lie apart
LEEWAY_S = 30
_HEADER = frozenset({"alg", "kid", "typ"})
_BAD = "This token does not hold."


def read_token(
    text: str, keys: Mapping[str, Key], algorithms: Collection[str], *, types: Collection[str] = ("JWT", "")
) -> dict[str, Any]:
    """Return the claims of a token whose signature holds. Its times and names are for the caller to judge.

    Raises: SignInNeeded: with one message for everything that can be wrong.
    """
    header = header_of(text)
    algorithm, key = header.get("alg"), keys.get(str(header.get("kid", "")))
    kind = header.get("typ", "")
    if not _HEADER.issuperset(header) or algorithm not in algorithms or key is None or kind not in types:
        raise SignInNeeded(_BAD, why="header")
    try:
        signed = jws.deserialize_compact(text, key, algorithms=[str(algorithm)])
        claims = read_json(signed.payload or b"")
    except (JoseError, LinliError, ValueError) as error:
        raise SignInNeeded(_BAD, why=type(error).__name__) from error
    if not isinstance(claims, dict):
        raise SignInNeeded(_BAD, why="claims")
    return claims


def header_of(text: str) -> dict[str, Any]:
    """Return a token's header as it is written; nothing of it is believed. Raises: SignInNeeded: it is no token."""
    parts = text.split(".")
    if len(text) > TOKEN_LETTERS_MAX or len(parts) != 3 or not text.isascii():
        raise SignInNeeded(_BAD, why="form")
    try:
        header = read_json(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (LinliError, binascii.Error, ValueError) as error:
        raise SignInNeeded(_BAD, why="form") from error
    if not isinstance(header, dict):
        raise SignInNeeded(_BAD, why="form")
    return header


def check_times(claims: Mapping[str, Any], now_s: int, *, life_s_max: int | None = None) -> None:
    """Hold exp, nbf and iat against a moment; exp is required. Raises: SignInNeeded."""
    ends, begins, made = claims.get("exp"), claims.get("nbf", now_s), claims.get("iat", now_s)
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in (ends, begins, made)):
        raise SignInNeeded(_BAD, why="times")
    assert isinstance(ends, int | float)  # noqa: S101 - looked at in the line above
    late = life_s_max is not None and ends > now_s + life_s_max + LEEWAY_S
    if ends <= now_s - LEEWAY_S or begins > now_s + LEEWAY_S or made > now_s + LEEWAY_S or late:
        raise SignInNeeded(_BAD, why="times")


def is_for(claims: Mapping[str, Any], audience: Collection[str]) -> bool:
    """Tell whether a token is meant for one of these."""
    said = claims.get("aud")
    named = said if isinstance(said, list) else [said]
    return any(isinstance(one, str) and one in audience for one in named)


def write_token(key: Key, claims: Mapping[str, Any], *, kind: str = "JWT", algorithm: str = OURS) -> str:
    """Return a signed token."""
    header = {"alg": algorithm, "typ": kind, "kid": key.thumbprint()}
    return jws.serialize_compact(header, write_json(dict(claims)), key, algorithms=[algorithm])


def keys_of(said: Any) -> dict[str, Key]:
    """Return the public keys of a key set by their kid; what cannot verify a signature of ours to read is left out."""
    found: dict[str, Key] = {}
    listed = said.get("keys") if isinstance(said, Mapping) else None
    kinds: dict[str, type[ECKey | OKPKey | RSAKey]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}
    for one in listed if isinstance(listed, list) else []:
        kind = kinds.get(str(one.get("kty"))) if isinstance(one, Mapping) and one.get("use", "sig") == "sig" else None
        if kind is None:
            continue
        try:
            key = kind.import_key({name: value for name, value in one.items() if name != "d"})
            found[str(one.get("kid") or key.thumbprint())] = key
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return found
