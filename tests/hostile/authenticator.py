"""An authenticator in software: makes passkeys and signs challenges as a browser's would, also wrongly when told to."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

UP, UV, AT = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One key for one site. `counter`: how often it signed."""

    origin: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential: bytes = field(default_factory=lambda: os.urandom(32))
    counter: int = 0

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return what navigator.credentials.create gives for the options of the server."""
        self.counter += 1
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + cose
        data = self._data(options["rp"]["id"], UP | UV | AT) + attested
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"])
        return self._said({"clientDataJSON": _text(client), "attestationObject": _text(made)})

    def sign(
        self, options: dict[str, Any], *, flags: int = UP | UV, origin: str = "", counts: bool = True
    ) -> dict[str, Any]:
        """Return what navigator.credentials.get gives for the options of the server."""
        self.counter += counts
        data = self._data(options["rpId"], flags)
        client = self._client("webauthn.get", options["challenge"], origin)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._said(
            {"clientDataJSON": _text(client), "authenticatorData": _text(data), "signature": _text(signature)}
        )

    def _data(self, site: str, flags: int) -> bytes:
        return hashlib.sha256(site.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, origin: str = "") -> bytes:
        return orjson.dumps(
            {"type": kind, "challenge": challenge, "origin": origin or self.origin, "crossOrigin": False}
        )

    def _said(self, response: dict[str, str]) -> dict[str, Any]:
        mark = _text(self.credential)
        return {"id": mark, "rawId": mark, "type": "public-key", "response": response, "clientExtensionResults": {}}


def _text(plain: bytes) -> str:
    return bytes_to_base64url(plain)
