"""What dispatch needs from above, declared here and satisfied there: kinds of service, and travel times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from linli.base import Deadline

Mode = Literal["walk", "ebike", "drive"]
Words = dict[str, str]


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: `after_s` seconds after the call's receipt, `to` (role, keyholder, caller, node:parent)
    is told by `via`; again each `repeat_s` (0 = once) until somebody acknowledges or accepts."""

    after_s: int
    to: str
    via: tuple[str, ...] = ()
    repeat_s: int = 0
    until: Literal["ack", "accept"] = "accept"


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of a form, as far as it is checked. `required`: there must be one when the work is finished."""

    name: str
    title: Words
    type: str
    required: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""
    least: float | None = None
    most: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of call, as a pack declares it. Units: minutes. `urgency`: 0 routine, 1 soon, 2 urgent, 3 life.

    `desk`: nobody is looked for on the streets; the desk takes it and finishes it. `done`: when it must be finished.
    `circle`: the only role that reads what it is about. `reserve`: the share of helpers kept free for it.
    """

    key: str
    pack: str
    pack_version: str
    title: Words
    urgency: int
    skills: tuple[str, ...]
    arrive_within_min: float = 60.0
    answer_within_min: float | None = None
    service_min: float = 30.0
    ladder: tuple[Rung, ...] = ()
    channels: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    confirm: str = "caller"
    rate: bool = True
    words: tuple[str, ...] = ()
    summary: Words = field(default_factory=dict)
    icon: str = ""
    short: str = ""
    desk: bool = False
    done: Deadline | None = None
    fields: tuple[Asked, ...] = ()
    circle: str = ""
    two_persons: bool = False
    reserve: float = 0.0

    @property
    def offer_open_min(self) -> float:
        """How long one offer stays open: the pack's figure, else 1 minute for urgent calls and 2 for others."""
        if self.answer_within_min is not None:
            return self.answer_within_min
        return 1.0 if self.urgency >= 2 else 2.0


class Kinds(Protocol):
    """All kinds that are switched on, and the words that make any call urgent."""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Return the kinds by key, like `elder.sos`."""
        ...

    def kind(self, key: str, *, version: str = "", scopes: Sequence[str] = ()) -> Kind | None:
        """Return a kind as it was in `version`, or as it is where `scopes` are; None: it is not offered there."""
        ...

    def way_out(self, key: str) -> str:
        """Say what somebody can do who asked for a kind that is not offered."""
        ...

    @property
    def skills(self) -> Mapping[str, Words]:
        """Return the skills by key with their titles."""
        ...

    @property
    def urgent_words(self) -> Mapping[str, int]:
        """Return the words that raise a call's urgency, with the level they raise it to."""
        ...


class Reach(Protocol):
    """Travel times on the street network. A node is a junction's number; -1 is no junction."""

    def node_at(self, lon: float, lat: float, mode: Mode) -> int:
        """Return the junction at which a place is joined to the network.

        Units: degrees, WGS-84. Raises: OffMap: farther than `travel.snap_m_max` from any usable street.
        """
        ...

    def minutes(
        self, to: int, from_nodes: Sequence[int] | NDArray[np.int64], limit_min: float, mode: Mode
    ) -> NDArray[np.float64]:
        """Return the minutes from each of `from_nodes` to `to`.

        Shapes: from_nodes (n,); result (n,), nan beyond `limit_min` or where there is no way. At most 5 ms.
        """
        ...

    def minutes_from(
        self, start: int, to_nodes: Sequence[int] | NDArray[np.int64], limit_min: float, mode: Mode
    ) -> NDArray[np.float64]:
        """Return the minutes from `start` to each of `to_nodes`; as `minutes` otherwise."""
        ...
