"""Keys of clients as people have them: a PEM file, a JWK or a set of them; or a new one, made for who has none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from linli.base import read_json
from linli.base.errors import AlreadyExists, BadRequestData, LinliError, StartError

from ._tokens import Key, keys_of

_NO_KEY = "is no public key: give a PEM file that begins with BEGIN PUBLIC KEY, or a JWK, or a set of JWKs."


def client_keys(text: bytes) -> dict[str, Any]:
    """Return the set of public keys (JWK) that a file of a vendor holds. Raises: BadRequestData: it holds none."""
    if text.lstrip().startswith(b"-----"):
        return {"keys": [_described(_of_pem(text))]}
    try:
        said = read_json(text)
    except LinliError as error:
        raise BadRequestData(f"key: {_NO_KEY}") from error
    listed = said if isinstance(said, dict) and "keys" in said else {"keys": [said]}
    if any(isinstance(one, dict) and "d" in one for one in listed["keys"]):
        raise BadRequestData("key: this is the private key. It belongs to the device alone; give the public one.")
    found = keys_of(listed)
    if not found:
        raise BadRequestData(f"key: {_NO_KEY}")
    return {"keys": [{**key.as_dict(private=False), "kid": kid} for kid, key in found.items()]}


def made_client_key(file: Path) -> dict[str, Any]:
    """Make a key of a client, write its private part to a new file (PEM, mode 0600), and return its public part as a set.

    Raises: AlreadyExists: the file is there. StartError: it cannot be made.
    """
    key = ECKey.generate_key("P-256")
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(key.as_pem(private=True))
    except FileExistsError as error:
        raise AlreadyExists(f"{file}: is there already; name another file for the new key.") from error
    except OSError as error:
        raise StartError(f"{file}: cannot be made ({error.strerror}).") from error
    return {"keys": [_described(key)]}


def _of_pem(text: bytes) -> Key:
    try:
        public = load_pem_public_key(text)
        if isinstance(public, EllipticCurvePublicKey):
            return ECKey.import_key(text)
        if isinstance(public, Ed25519PublicKey):
            return OKPKey.import_key(text)
        if isinstance(public, RSAPublicKey):
            return RSAKey.import_key(text)
    except (ValueError, JoseError) as error:
        raise BadRequestData(f"key: {_NO_KEY}") from error
    raise BadRequestData("key: keys of ES256, ES384, Ed25519 or RSA are taken.")


def _described(key: Key) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.thumbprint()}
