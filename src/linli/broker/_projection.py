"""Which members an answer has, and in which form: what attrs, pick, omit, lang, datasetId and format ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from linli.base.errors import BadRequestData

from ._language import Languages
from ._plain import Doc
from ._spelling import checked_name

#: members of an entity that are no attributes
MEMBERS = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt", "deletedAt"})

_NONE: frozenset[str] = frozenset()
_TOKEN = re.compile(r"[{},|]|[^{},|]+")
DEPTH_MAX = 10


@dataclass(frozen=True, slots=True)
class Projection:
    """Which members an answer has and in which form. Attributes by the names in documents; `id`, `type` as such.

    `attrs`: only these, and only entities that have one of them. `pick`: only these members. `omit`: all but these.
    `linked`: what pick and omit say of the entities to which a relationship leads. `languages`: one text of each
    LanguageProperty. `datasets`: only these instances ("@none" = the default one). `place`: as a GeoJSON Feature
    whose geometry stands under this name.
    """

    simplified: bool = False
    sys_attrs: bool = False
    attrs: frozenset[str] = _NONE
    pick: frozenset[str] = _NONE
    omit: frozenset[str] = _NONE
    concise: bool = False
    linked: tuple[tuple[str, Projection], ...] = ()
    languages: Languages | None = None
    datasets: frozenset[str] = _NONE
    place: str | None = None
    #: whether every entity is shown, whatever it has
    whole: bool = field(init=False, compare=False)
    #: whether instances that say nothing but their value are shown as they stand
    plain: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Work out at once what is asked for each entity."""
        whole = not (self.attrs or self.pick or self.omit)
        changed = self.simplified or self.sys_attrs or self.concise or self.datasets or self.place is not None
        object.__setattr__(self, "whole", whole)
        object.__setattr__(self, "plain", whole and not changed)

    @property
    def hops(self) -> int:
        """How many relationships pick or omit look beyond."""
        return max(1 + below.hops for _, below in self.linked) if self.linked else 0

    def asked(self) -> frozenset[str] | None:
        """Return the attributes that were asked for by name; None when all were."""
        return self.pick or self.attrs or None

    def shows(self, name: str) -> bool:
        """Tell whether a member is shown."""
        if self.attrs and name not in self.attrs and name not in MEMBERS:
            return False
        return name in self.pick if self.pick else name not in self.omit

    def tells(self, name: str) -> bool:
        """Tell whether an attribute is in the answer, as a member or as its geometry."""
        return self.shows(name) or name == self.place

    def fits(self, doc: Doc) -> bool:
        """Tell whether anything is left of an entity."""
        if self.whole:
            return True
        if self.attrs:
            return not self.attrs.isdisjoint(doc["attrs"])
        if self.shows("id") or self.shows("type"):
            return True
        return any(map(self.shows, doc["attrs"])) or (bool(doc["scope"]) and self.shows("scope"))

    def beyond(self, name: str) -> Projection:
        """Return how the entities at the end of a relationship are shown."""
        said = next((below for one, below in self.linked if one == name), None)
        if said is None:
            return replace(self, attrs=_NONE, pick=_NONE, omit=_NONE, linked=())
        return replace(self, attrs=_NONE, pick=said.pick, omit=said.omit, linked=said.linked)


def checked(projection: Projection) -> Projection:
    """Return a projection that makes sense. Raises: BadRequestData: pick, omit and attrs contradict each other."""
    if projection.attrs and (projection.pick or projection.omit):
        raise BadRequestData("attrs: cannot stand beside pick or omit.")
    if projection.pick & projection.omit:
        raise BadRequestData("pick, omit: one member cannot be in both.")
    return projection


def read_members(said: str, where: str, name_of: Callable[[str], str]) -> Projection:
    """Read what pick or omit (`where`) says: id,name,owner{id,name}. `name_of` expands a name.

    Raises: BadRequestData.
    """
    tokens = _TOKEN.findall(said)
    read, rest = _read_members(tokens, where, name_of, 0)
    if rest:
        raise BadRequestData(f"{where}: a brace is closed that was not opened.")
    return read


def _read_members(
    tokens: list[str], where: str, name_of: Callable[[str], str], depth: int
) -> tuple[Projection, list[str]]:
    if depth > DEPTH_MAX:
        raise BadRequestData(f"{where}: at most {DEPTH_MAX} braces within each other.")
    names: set[str] = set()
    plain: set[str] = set()
    linked: list[tuple[str, Projection]] = []
    while True:
        if not tokens or tokens[0] in "{},|":
            raise BadRequestData(f"{where}: holds an empty member.")
        said, tokens = tokens[0], tokens[1:]
        name = said if said in MEMBERS else name_of(checked_name(said))
        names.add(name)
        if tokens and tokens[0] == "{":
            below, tokens = _read_members(tokens[1:], where, name_of, depth + 1)
            if not tokens:
                raise BadRequestData(f"{where}: a brace is not closed.")
            tokens = tokens[1:]
            linked.append((name, below))
        else:
            plain.add(name)
        if not tokens or tokens[0] == "}":
            break
        if tokens[0] not in ",|":
            raise BadRequestData(f"{where}: members are set apart by commas.")
        tokens = tokens[1:]
    picked: dict[str, Any] = {"pick": frozenset(names)} if where == "pick" else {"omit": frozenset(plain)}
    return Projection(linked=tuple(linked), **picked), tokens
