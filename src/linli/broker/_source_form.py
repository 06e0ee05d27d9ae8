"""Context source registrations: read from the wire into the form that is kept, checked, and written for the wire.

A kept registration is `{"id", "information": [...], "endpoint", "mode", "operations", ..., "own": {name: value}}`: types
and attributes as names in documents, everything else as it was said, and under "own" the properties of the source that
the standard does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from linli.base import from_wire_time, to_wire_time
from linli.base.errors import BadRequestData

from ._patterns import read_pattern
from ._source_words import GROUPS, OPERATIONS, READING, Mode
from ._spelling import NULL, checked_id, checked_name, read_scopes
from ._temporal_query import read_period
from ._terms import Terms
from ._values import read_value

TYPE = "ContextSourceRegistration"
PIECES_MAX = 100
NAMES_MAX = 500
MEMBERS_MAX = 100
LETTERS_MAX = 4096

Source = dict[str, Any]
Piece = dict[str, Any]

#: what the broker itself says of a registration; nobody else may
_OF_THE_BROKER = frozenset(
    {"createdAt", "modifiedAt", "status", "timesSent", "timesFailed", "lastSuccess", "lastFailure", "@context"}
)
_REQUIRED = ("information", "endpoint")


def read_members(body: Any, terms: Terms) -> Source:
    """Return what a body says of a registration, or of a part of one; what shall go is None.

    Raises: BadRequestData: with the place of what is wrong.
    """
    if not isinstance(body, dict) or len(body) > MEMBERS_MAX:
        raise BadRequestData(f"A registration must be a JSON object of at most {MEMBERS_MAX} members.")
    if body.get("type", body.get("@type", TYPE)) != TYPE:
        raise BadRequestData(f"type: must be {TYPE}.")
    members: Source = {}
    own: dict[str, Any] = {}
    for said, value in body.items():
        gone = value is None or value == NULL
        if said in _OF_THE_BROKER or said in ("id", "@id", "type", "@type"):
            continue
        if said in _READERS:
            members[said] = None if gone else _READERS[said](said, value, terms)
        else:
            own[terms.name(checked_name(said))] = None if gone else read_value(said, "Property", value, terms)
    return {**members, "own": own}


def merged(before: Source, members: Source) -> Source:
    """Return a registration after a change: each member that is named is replaced, or goes."""
    own = {**before["own"], **members["own"]}
    after = {**before, **members, "own": {name: value for name, value in own.items() if value is not None}}
    return {member: value for member, value in after.items() if value is not None}


def check_whole(source: Source, now_us: int) -> None:
    """Check what only a whole registration can tell. Raises: BadRequestData."""
    for member in _REQUIRED:
        if member not in source:
            raise BadRequestData(f"{member}: is required.")
    if expires_us(source) <= now_us:
        raise BadRequestData("expiresAt: lies in the past.")
    mode = mode_of(source)
    if mode == "auxiliary" and not READING.issuperset(source.get("operations", ())):
        raise BadRequestData(f"operations: a source that is auxiliary can have {', '.join(sorted(READING))} only.")
    if mode == "exclusive":
        for piece in source["information"]:
            selectors = piece.get("entities", [])
            if not selectors or not all("id" in one and "idPattern" not in one for one in selectors):
                raise BadRequestData("information: an exclusive source names its entities by id.")
            if not attributes_of(piece):
                raise BadRequestData("information: an exclusive source names its attributes.")


def mode_of(source: Source) -> Mode:
    """Return the mode of a registration."""
    mode: Mode = source.get("mode", "inclusive")
    return mode


def attributes_of(piece: Piece) -> frozenset[str]:
    """Return the attributes that a piece of information names; none = it may hold any."""
    return frozenset(piece.get("propertyNames", ())) | frozenset(piece.get("relationshipNames", ()))


def expires_us(source: Source) -> float:
    """Return when a registration ends, in microseconds."""
    said = source.get("expiresAt")
    return float("inf") if said is None else from_wire_time(said)


def rendered_source(
    source: Source, terms: Terms, created_us: int, modified_us: int, *, sys_attrs: bool = False
) -> dict[str, Any]:
    """Return a registration as the wire wants it."""
    written: dict[str, Any] = {"id": source["id"], "type": TYPE}
    written |= {member: value for member, value in source.items() if member not in ("id", "own", "information")}
    written.setdefault("mode", "inclusive")
    written.setdefault("operations", ["retrieveOps" if written["mode"] == "auxiliary" else "federationOps"])
    written["information"] = [_rendered_piece(piece, terms) for piece in source["information"]]
    written |= {terms.term(name): value for name, value in source["own"].items()}
    if sys_attrs:
        written["createdAt"], written["modifiedAt"] = to_wire_time(created_us), to_wire_time(modified_us)
    return written


def _rendered_piece(piece: Piece, terms: Terms) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if "entities" in piece:
        written["entities"] = [
            {**one, "type": _one_or_all(list(map(terms.term, one["type"])))} for one in piece["entities"]
        ]
    for member in ("propertyNames", "relationshipNames"):
        if member in piece:
            written[member] = list(map(terms.term, piece[member]))
    return written


def _one_or_all(names: list[str]) -> Any:
    return names[0] if len(names) == 1 else names


# one reader a member: (where, what was said, terms) -> what is kept


def _information(where: str, said: Any, terms: Terms) -> list[Piece]:
    return [_piece(f"{where}[{at}]", one, terms) for at, one in enumerate(_list(where, said, PIECES_MAX))]


def _piece(where: str, said: Any, terms: Terms) -> Piece:
    if not isinstance(said, dict) or not said or not said.keys() <= {"entities", "propertyNames", "relationshipNames"}:
        raise BadRequestData(f"{where}: must have entities, propertyNames or relationshipNames, and nothing else.")
    piece: Piece = {}
    if "entities" in said:
        piece["entities"] = selectors_of(f"{where}.entities", said["entities"], terms)
    for member in said.keys() - {"entities"}:
        names = _list(f"{where}.{member}", said[member], NAMES_MAX)
        piece[member] = [_name(f"{where}.{member}", one, terms) for one in names]
    return piece


def selectors_of(where: str, said: Any, terms: Terms) -> list[dict[str, Any]]:
    """Return entity information as it is kept: types as names in documents, and an id or an idPattern."""
    return [_selector(f"{where}[{at}]", one, terms) for at, one in enumerate(_list(where, said, PIECES_MAX))]


def _selector(where: str, said: Any, terms: Terms) -> dict[str, Any]:
    if not isinstance(said, dict) or "type" not in said or not said.keys() <= {"id", "idPattern", "type"}:
        raise BadRequestData(f"{where}: must have a type, and may have an id or an idPattern.")
    types = said["type"] if isinstance(said["type"], list) else [said["type"]]
    selector: dict[str, Any] = {"type": [_name(f"{where}.type", one, terms) for one in _list(where, types, NAMES_MAX)]}
    if "id" in said:
        selector["id"] = checked_id(said["id"], f"{where}.id")
    if "idPattern" in said:
        selector["idPattern"] = _text(f"{where}.idPattern", said["idPattern"], terms)
        read_pattern(said["idPattern"], f"{where}.idPattern")
    return selector


def _name(where: str, said: Any, terms: Terms) -> str:
    if not isinstance(said, str):
        raise BadRequestData(f"{where}: must be a name.")
    return terms.name(checked_name(said))


def _list(where: str, said: Any, most: int) -> list[Any]:
    if not isinstance(said, list) or not 0 < len(said) <= most:
        raise BadRequestData(f"{where}: must be a list of 1 to {most} elements.")
    return said


def _text(where: str, said: Any, _: Terms) -> str:
    if not isinstance(said, str) or not 0 < len(said) <= LETTERS_MAX:
        raise BadRequestData(f"{where}: must be text of at most {LETTERS_MAX} letters.")
    return said


def _endpoint(where: str, said: Any, _: Terms) -> str:
    if not checked_id(said, where).startswith(("http://", "https://")):
        raise BadRequestData(f"{where}: must begin with http:// or https://.")
    return str(said)


def _mode(where: str, said: Any, _: Terms) -> str:
    if said not in get_args(Mode):
        raise BadRequestData(f"{where}: must be one of {', '.join(get_args(Mode))}.")
    return str(said)


def _operations(where: str, said: Any, _: Terms) -> list[str]:
    operations = _list(where, said, len(OPERATIONS) + len(GROUPS))
    for one in operations:
        if one not in OPERATIONS and one not in GROUPS:
            raise BadRequestData(
                f"{where}: holds something that is no operation; groups are {', '.join(sorted(GROUPS))}."
            )
    return operations


def _time(where: str, said: Any, _: Terms) -> str:
    try:
        from_wire_time(said if isinstance(said, str) else "")
    except BadRequestData as error:
        raise BadRequestData(f"{where}: {error.message}") from error
    return str(said)


def _interval(where: str, said: Any, terms: Terms) -> dict[str, str]:
    if not isinstance(said, dict) or "startAt" not in said or not said.keys() <= {"startAt", "endAt"}:
        raise BadRequestData(f"{where}: must have startAt, and may have endAt.")
    interval = {member: _time(f"{where}.{member}", value, terms) for member, value in said.items()}
    if "endAt" in interval and from_wire_time(interval["endAt"]) < from_wire_time(interval["startAt"]):
        raise BadRequestData(f"{where}: ends before it starts.")
    return interval


def _place(where: str, said: Any, terms: Terms) -> Any:
    return read_value(where, "GeoProperty", said, terms)


def _duration(where: str, said: Any, _: Terms) -> str:
    try:
        read_period(said)
    except BadRequestData as error:
        raise BadRequestData(f"{where}: must be a duration like PT1H or P1D.") from error
    return str(said)


def _pairs(where: str, said: Any, _: Terms) -> list[dict[str, str]]:
    pairs = _list(where, said, NAMES_MAX)
    for at, pair in enumerate(pairs):
        good = isinstance(pair, dict) and pair.keys() == {"key", "value"}
        if not good or not all(isinstance(one, str) for one in pair.values()):
            raise BadRequestData(f"{where}[{at}]: must have a key and a value, both text.")
    return pairs


def _management(where: str, said: Any, terms: Terms) -> dict[str, Any]:
    readers = {"localOnly": _truth, "cacheDuration": _duration, "timeout": _above_zero, "cooldown": _above_zero}
    if not isinstance(said, dict) or not said.keys() <= readers.keys():
        raise BadRequestData(f"{where}: must be an object with {', '.join(readers)}, as far as needed.")
    return {member: readers[member](f"{where}.{member}", value, terms) for member, value in said.items()}


def _truth(where: str, said: Any, _: Terms) -> bool:
    if not isinstance(said, bool):
        raise BadRequestData(f"{where}: must be true or false.")
    return said


def _above_zero(where: str, said: Any, _: Terms) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or said <= 0:
        raise BadRequestData(f"{where}: must be a number of milliseconds above 0.")
    return said


def _dataset_ids(where: str, said: Any, _: Terms) -> list[str]:
    ids = _list(where, said if isinstance(said, list) else [said], NAMES_MAX)
    return [one if one == "@none" else checked_id(one, where) for one in ids]


def _scopes(_: str, said: Any, __: Terms) -> Any:
    read_scopes(said)
    return said


_READERS: Mapping[str, Callable[[str, Any, Terms], Any]] = {
    "information": _information,
    "endpoint": _endpoint,
    "mode": _mode,
    "operations": _operations,
    "registrationName": _text,
    "description": _text,
    "tenant": _text,
    "contextSourceAlias": _text,
    "observationInterval": _interval,
    "managementInterval": _interval,
    "location": _place,
    "observationSpace": _place,
    "operationSpace": _place,
    "expiresAt": _time,
    "contextSourceInfo": _pairs,
    "scope": _scopes,
    "refreshRate": _duration,
    "management": _management,
    "datasetId": _dataset_ids,
}
