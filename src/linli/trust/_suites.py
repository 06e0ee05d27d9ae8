"""The two ways to seal: AES-256-GCM, and SM4-GCM where national algorithms are asked for. A key belongs to one of them."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

NONCE_BYTES = 12
TAG_BYTES = 16


class Broken(Exception):
    """What is sealed is not what was sealed, or not where it was."""


class Sealer(Protocol):
    """One key at work. What is sealed is nonce, ciphertext and tag, one after the other."""

    def seal(self, plain: bytes, bound: bytes) -> bytes:
        """Seal `plain`, so that it opens only where the same `bound` is said."""
        ...

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """Return what was sealed. Raises: Broken."""
        ...


@dataclass(frozen=True, slots=True)
class Suite:
    """One way to seal. `word`: how sealed values name it. `index`: the keyed hash that goes with it."""

    name: str
    word: str
    key_bytes: int
    sealer: Callable[[bytes], Sealer]
    index: Callable[[bytes, bytes], bytes]


class _Aes:
    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, bound: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, bound)

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
        except (InvalidTag, ValueError) as error:
            raise Broken from error


class _Sm4:
    def __init__(self, key: bytes) -> None:
        self._key = algorithms.SM4(key)

    def seal(self, plain: bytes, bound: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        sealing = Cipher(self._key, modes.GCM(nonce)).encryptor()
        sealing.authenticate_additional_data(bound)
        return nonce + sealing.update(plain) + sealing.finalize() + sealing.tag

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        try:
            opening = Cipher(self._key, modes.GCM(sealed[:NONCE_BYTES], sealed[-TAG_BYTES:])).decryptor()
            opening.authenticate_additional_data(bound)
            return opening.update(sealed[NONCE_BYTES:-TAG_BYTES]) + opening.finalize()
        except (InvalidTag, ValueError) as error:
            raise Broken from error


def _sha256(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, hashlib.sha256)


def _sm3(key: bytes, text: bytes) -> bytes:
    hashing = HMAC(key, hashes.SM3())
    hashing.update(text)
    return hashing.finalize()


SUITES: Mapping[str, Suite] = {
    one.name: one for one in (Suite("aes-256-gcm", "aes", 32, _Aes, _sha256), Suite("sm4-gcm", "sm4", 16, _Sm4, _sm3))
}
