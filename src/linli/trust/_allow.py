"""Who may see and do what: in this release a small table; policies take its place behind the same question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

from linli.base import within_scope

from ._asked import Act, Decision, Principal, Shown, Thing, Verb

Reach = Literal["all", "area", "own", "none"]
#: role -> type -> verbs -> (reach, how personal attributes are shown). "*" stands for every other type.
_Rule = tuple[frozenset[str], Reach, Shown]
_READ = frozenset({"read", "list"})
_WRITE = frozenset({"create", "change", "delete"})
_ALL = _READ | _WRITE | {"act", "place"}
#: what somebody makes for himself and nobody else knows of
_OWN: tuple[_Rule, ...] = ((_READ | _WRITE, "own", "full"),)
_OWN_TYPES = ("EntityMap", "Subscription")
_OPEN_TYPES = ("Area", "Building", "Gate", "Provider", "ServiceKind", "Place")

_TABLE: Mapping[str, Mapping[str, tuple[_Rule, ...]]] = {
    "caller": {
        "ServiceCall": ((frozenset({"place"}), "all", "public"), (frozenset({"read", "act"}), "own", "full")),
        **dict.fromkeys(_OPEN_TYPES, ((_READ, "all", "public"),)),
    },
    "resident": {
        "ServiceCall": (
            (frozenset({"place"}), "all", "full"),
            (_READ | {"act"}, "own", "full"),
        ),
        "Resident": ((_READ, "own", "full"),),
        "Household": ((_READ, "own", "full"),),
        **dict.fromkeys(_OPEN_TYPES, ((_READ, "all", "public"),)),
    },
    "helper": {
        "ServiceCall": (
            (frozenset({"place"}), "all", "full"),
            (_READ | {"act"}, "own", "full"),
        ),
        "Offer": ((_READ | {"act"}, "own", "full"),),
        "Helper": ((_READ | {"act"}, "own", "full"),),
        "Shift": ((_READ, "own", "full"),),
        **dict.fromkeys(_OPEN_TYPES, ((_READ, "all", "public"),)),
    },
    "community_worker": {
        "ServiceCall": ((_READ | {"act"}, "area", "full"), (frozenset({"place"}), "all", "full")),
        "Offer": ((_READ | {"act"}, "area", "full"),),
        "Helper": ((_READ, "all", "masked"),),
        "Shift": ((_READ, "all", "masked"),),
        "Resident": ((_READ, "area", "masked"),),
        "Household": ((_READ, "area", "masked"),),
        "Dwelling": ((_READ, "area", "masked"),),
        **dict.fromkeys(_OWN_TYPES, _OWN),
        **dict.fromkeys(_OPEN_TYPES, ((_READ, "all", "full"),)),
    },
    "city_official": {
        "ServiceCall": ((_READ, "area", "public"),),
        "Offer": ((_READ, "area", "public"),),
        "Helper": ((_READ, "area", "public"),),
        "Shift": ((_READ, "area", "public"),),
        **dict.fromkeys(_OWN_TYPES, _OWN),
        **dict.fromkeys(_OPEN_TYPES, ((_READ, "all", "full"),)),
    },
    "device": {
        "ServiceCall": ((frozenset({"place"}), "all", "public"), (frozenset({"read"}), "own", "public")),
    },
    "administrator": {"*": ((_ALL, "all", "full"),)},
    "operator": {"*": ((_ALL, "all", "full"),)},
    "engine": {"*": ((_ALL, "all", "full"),)},
}


class AllowTable:
    """Answers from the table above; what is not in it is denied."""

    def allows(self, act: Act, verb: Verb, thing: Thing) -> Decision:
        """Decide whether `act` may do `verb` to `thing`."""
        rules = _TABLE.get(act.who.role, {})
        best: Decision | None = None
        for verbs, reach, shown in (*rules.get(thing.type, ()), *rules.get("*", ())):
            if verb in verbs and _reaches(act.who, reach, thing):
                decision = Decision(ok=True, policy=f"{act.who.role}.{thing.type}.{verb}.{reach}", shown=shown)
                if shown == "full":
                    return decision
                best = best or decision
        return best or Decision(ok=False, policy=f"{act.who.role}.{thing.type}.{verb}.none")

    def always(self, act: Act, verb: Verb) -> Decision | None:
        """Return the one answer for everything there is; None where the answer depends on the thing."""
        return _always(act.who.role, verb)

    def own_only(self, act: Act, verb: Verb, type_name: str) -> bool:
        """Tell whether `act` can reach at most its own things of this type: a list may then be narrowed to them."""
        rules = _TABLE.get(act.who.role, {})
        reaches = {r for verbs, r, _ in (*rules.get(type_name, ()), *rules.get("*", ())) if verb in verbs}
        return reaches <= {"own"}


@lru_cache(256)
def _always(role: str, verb: Verb) -> Decision | None:
    for verbs, reach, shown in _TABLE.get(role, {}).get("*", ()):
        if verb in verbs and reach == "all" and shown == "full":
            return Decision(ok=True, policy=f"{role}.*.{verb}.all", shown="full")
    return None


def _reaches(who: Principal, reach: Reach, thing: Thing) -> bool:
    if reach == "all":
        return True
    if reach == "own":
        return who.id in thing.owners
    return _meets(thing.scopes, who.scopes) or who.id in thing.owners


def _meets(scopes: Iterable[str], areas: Iterable[str]) -> bool:
    areas = tuple(areas)
    return any(area == "/" or within_scope(scope, area) for scope in scopes for area in areas)
