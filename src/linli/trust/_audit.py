"""The rows of the audit: who did what, when, why and by which rule. They hold ids and hashes only.

A row outlives the person whom it is about. So persons and their entities stand in it as traces (hashes of their ids), and a
reason that is not a code or a number of a case stands in it as a hash: nothing has to be taken out when somebody is erased.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from linli.base import read_json
from linli.base.errors import LinliError

from ._asked import Act

#: what may stand in a row as it is: a code, an id, the number of a case or an order
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9:._/-]{0,79}")
_SORTED = orjson.OPT_SORT_KEYS


class AuditEntry(NamedTuple):
    """A row of the audit as it is read. `of`: the traces of all persons whom it is about; `on`: that of the one entity that was
    looked at. Both are empty for the summary of a Change. `times`: for how many of the same it stands; `whence`: from which
    class of address."""

    at_us: int
    action: str
    actor: str
    role: str
    for_whom: str
    purpose: str
    policy: str
    ok: bool
    reason: str
    type: str
    scope: str
    classes: tuple[str, ...]
    of: tuple[str, ...]
    on: str = ""
    times: int = 1
    whence: str = ""

    @property
    def traces(self) -> tuple[str, ...]:
        """Everything under which the row is found."""
        return tuple(dict.fromkeys((*self.of, self.on) if self.on else self.of))


def audit_row(
    *,
    at_us: int,
    act: Act,
    action: str,
    resource: str | Iterable[str] = (),
    entity: str = "",
    type: str = "",  # noqa: A002 - the word of the standard
    scope: str = "",
    policy: str = "",
    ok: bool = True,
    classes: Iterable[str] = (),
    reason: str = "",
    times: int = 1,
    whence: str = "",
) -> bytes:
    """Return one row as canonical JSON, for the `audit` of a Change.

    `resource`: the id, or all ids, of the persons whom it is about. `entity`: what was looked at, where it is one alone.
    `classes`: the classes of privacy of what was shown. `reason`: a code or a number; anything else is hashed.
    `policy`: the rule that decided. `times`: for how many of the same it stands. `whence`: the class of the address from
    which it came. What says nothing is left out.
    """
    ids = (resource,) if isinstance(resource, str) else resource
    said: dict[str, Any] = {
        "action": action,
        "actor": act.who.id,
        "at": at_us,
        "classes": sorted(set(classes)),
        "forWhom": trace_of(act.for_whom) if act.for_whom else "",
        "of": sorted({trace_of(one) for one in ids if one}),
        "ok": ok,
        "on": trace_of(entity) if entity else "",
        "policy": policy,
        "purpose": act.purpose or "",
        "reason": _worded(reason or act.reason),
        "role": act.who.role,
        "scope": scope,
        "times": times if times > 1 else "",
        "type": type,
        "whence": whence,
    }
    return orjson.dumps({name: value for name, value in said.items() if value not in ("", [])}, option=_SORTED)


@lru_cache(8192)
def trace_of(subject_id: str) -> str:
    """Return the trace by which rows are found that are about an id; nobody can turn it back into the id.

    Equal ids leave equal traces, so a person who knows her own id finds her own rows, on paper too.
    """
    return base64.urlsafe_b64encode(hashlib.sha256(b"linli trace\0" + subject_id.encode()).digest()[:18]).decode()


def read_row(row: bytes) -> AuditEntry | None:
    """Return what a row says; None for one that is not ours."""
    try:
        said = read_json(row)
    except LinliError:
        return None
    if not isinstance(said, dict) or "action" not in said:
        return None
    words = {name: str(said.get(name, "")) for name in ("action", "actor", "role", "purpose", "policy", "reason")}
    return AuditEntry(
        at_us=int(said.get("at", 0)),
        for_whom=str(said.get("forWhom", "")),
        ok=bool(said.get("ok", True)),
        type=str(said.get("type", "")),
        scope=str(said.get("scope", "")),
        classes=tuple(said.get("classes", ())),
        of=tuple(said.get("of", ())),
        on=str(said.get("on", "")),
        times=int(said.get("times", 1)),
        whence=str(said.get("whence", "")),
        **words,
    )


def _worded(reason: str) -> str:
    if not reason or _WORD.fullmatch(reason):
        return reason
    return "sha256:" + hashlib.sha256(reason.encode()).hexdigest()
