"""What a person is given in hand when she was erased: what went, when, and by which node, under the node's signature."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from linli.base import to_wire_time
from linli.base.errors import BadRequestData

from ._audit import trace_of
from ._node_key import NodeSecret, is_signed

FORM = "linli-erasure-1"


def erasure_receipt(
    secret: NodeSecret, *, node: str, subject: str, at_us: int, deleted: Mapping[str, int], keys: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a signed receipt. It names the person by the trace of her id alone, so it can be kept by anybody.

    `deleted`: how many of each type went. `keys`: what the keeper of the keys says of hers.
    """
    said = {
        "form": FORM,
        "node": node,
        "subject": trace_of(subject),
        "at": to_wire_time(at_us),
        "deleted": dict(sorted(deleted.items())),
        "keys": dict(keys),
    }
    signature, public = secret.sign(_canonical(said)), secret.public_key
    return {**said, "signature": base64.b64encode(signature).decode(), "key": base64.b64encode(public).decode()}


def is_receipt(receipt: Mapping[str, Any], public_key: bytes) -> bool:
    """Tell whether the node with this public key gave this very receipt."""
    said = {name: value for name, value in receipt.items() if name not in ("signature", "key")}
    try:
        signature = base64.b64decode(str(receipt.get("signature", "")), validate=True)
    except ValueError as error:
        raise BadRequestData("signature: is not base64.") from error
    return is_signed(public_key, _canonical(said), signature)


def _canonical(said: Mapping[str, Any]) -> bytes:
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
