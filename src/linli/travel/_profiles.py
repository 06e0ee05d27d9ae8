"""Profiles: which streets a mode of travel may use, in which direction, and how fast."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from linli.base import write_json

Mode = Literal["walk", "ebike", "drive"]
MODES: tuple[Mode, ...] = ("walk", "ebike", "drive")

_OPEN = frozenset({"yes", "designated", "permissive", "official"})
_CLOSED = frozenset({"no", "use_sidepath", "dismount", "agricultural", "forestry"})
_SIGNED = frozenset({"yes", "both", "left", "right", "lane", "track"})
_ALONG = frozenset({"yes", "true", "1"})
_AGAINST = frozenset({"-1", "reverse"})
_RINGS = frozenset({"roundabout", "circular"})


@dataclass(frozen=True, slots=True)
class Profile:
    """One mode of travel: speeds in km/h by street class, and how it reads the signs.

    `if_signed` holds the classes that are open only where a sign says so. `access` names the tags of permission,
    the most specific first; `oneway_by` the tags that override `oneway`.
    """

    mode: Mode
    speeds: Mapping[str, float]
    if_signed: Mapping[str, float]
    access: tuple[str, ...]
    signed_by: tuple[str, ...]
    oneway_by: tuple[str, ...]
    oneway: bool
    private: bool

    def speeds_on(self, tags: Mapping[str, str]) -> tuple[float, float]:
        """Return the speeds along and against the way's drawn direction, in km/h; 0 where it is not open."""
        kmh = self._speed(tags)
        if kmh == 0.0 or not self.oneway:
            return kmh, kmh
        along, against = self._directions(tags)
        return (kmh if along else 0.0), (kmh if against else 0.0)

    def _speed(self, tags: Mapping[str, str]) -> float:
        kind = tags["highway"]
        permission = next((tags[key] for key in self.access if key in tags), None)
        if permission in _CLOSED or (permission == "private" and not self.private):
            return 0.0
        if kind in self.speeds:
            return self.speeds[kind]
        specific = any(tags.get(key) in _OPEN for key in self.access[:-1])
        signed = specific or any(tags.get(key) in _SIGNED for key in self.signed_by)
        return self.if_signed.get(kind, 0.0) if signed else 0.0

    def _directions(self, tags: Mapping[str, str]) -> tuple[bool, bool]:
        sign = next((tags[key] for key in (*self.oneway_by, "oneway") if key in tags), None)
        if sign is None and (tags.get("junction") in _RINGS or tags["highway"] == "motorway"):
            sign = "yes"
        return sign not in _AGAINST, sign not in _ALONG


def profiles_from(tree: Mapping[str, Any]) -> tuple[Profile, ...]:
    """Return the profiles of a decoded profiles file, in the order of `MODES`."""
    return tuple(_profile(mode, tree[mode]) for mode in MODES)


@cache
def default_profiles() -> tuple[Profile, ...]:
    """Return the built-in profiles: walk 5.1 km/h, e-bike 15 km/h, drive by class of street."""
    source = resources.files(__package__).joinpath("profiles.toml").read_text("utf-8")
    return profiles_from(tomllib.loads(source))


def street_kinds(profiles: Sequence[Profile]) -> tuple[str, ...]:
    """Return every class of street that some profile knows, sorted."""
    return tuple(sorted({kind for p in profiles for kind in (*p.speeds, *p.if_signed)}))


def profile_hash(profiles: Sequence[Profile]) -> str:
    """Return a hash over all speeds and rules: two networks with the same hash measure time alike."""
    rows = [
        {**asdict(p), "speeds": sorted(p.speeds.items()), "if_signed": sorted(p.if_signed.items())} for p in profiles
    ]
    return hashlib.sha256(write_json(rows)).hexdigest()


def _profile(mode: Mode, table: Mapping[str, Any]) -> Profile:
    return Profile(
        mode=mode,
        speeds={kind: float(kmh) for kind, kmh in table["speeds"].items()},
        if_signed={kind: float(kmh) for kind, kmh in table.get("if_signed", {}).items()},
        access=tuple(table["access"]),
        signed_by=tuple(table.get("signed_by", ())),
        oneway_by=tuple(table.get("oneway_by", ())),
        oneway=table["oneway"],
        private=table["private"],
    )
