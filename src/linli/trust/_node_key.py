"""The node's own secret: watch words, keyed hashes, and the signature by which others know what this node said."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from linli.base.errors import StartError

KEY_BYTES = 32
_DAMAGED = (
    "; or delete it, and whoever watches a call without signing in has to ask by telephone instead, for a new secret "
    "knows none of the old watch words and signs with another key."
)


class NodeSecret:
    """A secret of this node, in a file of its own beside the database (mode 0600).

    It makes and checks watch words, hashes what must not be guessed, and signs in the node's name: each with a key that
    is derived from the secret for that alone.
    """

    def __init__(self, file: Path | None) -> None:
        """Read the secret, or make it on first use; None keeps it in memory only (tests).

        Raises: StartError: the file is damaged or cannot be made.
        """
        self._key = secrets.token_bytes(KEY_BYTES) if file is None else secret_of(file, _DAMAGED)
        self._signing = Ed25519PrivateKey.from_private_bytes(derived_key(self._key, b"linli node signature"))

    def watch_word(self, call_id: str) -> str:
        """Return the word by which someone without account may watch the call that he placed."""
        return hmac.new(self._key, b"watch:" + call_id.encode(), hashlib.sha256).hexdigest()[:32]

    def is_watch_word(self, call_id: str, word: str) -> bool:
        """Check a watch word in constant time."""
        return hmac.compare_digest(self.watch_word(call_id).encode(), word.encode())

    def blind(self, text: str) -> str:
        """Return a keyed hash of `text`: equal texts give equal hashes, and nobody can turn it back without the key."""
        return hmac.new(self._key, b"blind:" + text.encode(), hashlib.sha256).hexdigest()[:32]

    def derived(self, use: str) -> bytes:
        """Return a key of 32 bytes for one use; the keys of different uses tell nothing of each other."""
        return derived_key(self._key, b"linli " + use.encode())

    @property
    def public_key(self) -> bytes:
        """The Ed25519 key by which everybody can check what this node signed; 32 bytes."""
        return self._signing.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the node's Ed25519 signature of a message; 64 bytes."""
        return self._signing.sign(message)


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether the node that has this public key signed the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def derived_key(secret: bytes, use: bytes) -> bytes:
    """Return a key of 32 bytes that is made of a secret for one use alone."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=use).derive(secret)


def secret_of(file: Path, damaged: str) -> bytes:
    """Return the 32 bytes that a file keeps (mode 0600), made on first use; `damaged`: what to do when it is.

    Raises: StartError: the file is damaged or cannot be made.
    """
    try:
        if not file.exists():
            _make(file)
        key = bytes.fromhex(file.read_text("ascii").strip())
    except OSError as error:
        raise StartError(
            f"{file}: cannot be read or made ({error.strerror}); name another folder by --data."
        ) from error
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartError(f"{file}: is damaged. Put back its copy{damaged}")
    return key


def _make(file: Path) -> None:
    """Make a secret that is there whole or not at all: a process that is killed meanwhile leaves no empty one."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_bytes(KEY_BYTES).hex())
            handle.flush()
            os.fsync(handle.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
