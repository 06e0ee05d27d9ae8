"""Entities out of a table (CSV): one a row, the first row names members and attributes.

A column `name.part` is a part of an attribute: `location.lon` and `location.lat` a place, `name.zh` a text in a
language, `speed.unitCode` and `speed.observedAt` what stands beside the value. An empty cell says nothing; several
values of one attribute are parted by semicolons; what begins with { or [ is JSON.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from typing import Any

from linli.base import read_json
from linli.base.errors import LinliError, StartError
from linli.vocab import MEMBER, Attribute, EntityType, vocabulary

_SIGNS = ",;\t"
_BESIDE = ("unitCode", "observedAt")
_TRUTHS = {"true": True, "false": False}


def rows(text: str, name: str, type_name: str | None) -> Iterator[tuple[int, Any]]:
    """Yield each row's line and its entity, None for a row of another length than the head. `type_name`: of all rows.

    Raises: StartError: no column `id`, a name twice, no type, or a quote that is not closed.
    """
    first = text.partition("\n")[0]
    table = csv.reader(io.StringIO(text, newline=""), delimiter=max(_SIGNS, key=first.count), strict=True)
    try:
        head = [cell.strip() for cell in next(table, [])]
        _check_head(head, name, type_name)
        for row in table:
            if any(cell.strip() for cell in row):
                yield table.line_num, _entity(head, row, type_name) if len(row) == len(head) else None
    except csv.Error as error:
        raise StartError(f"{name}: line {table.line_num} is no row of a table ({error}).") from error


def _check_head(head: list[str], name: str, type_name: str | None) -> None:
    if "id" not in head:
        raise StartError(f"{name}: the first row must name the columns, and one of them must be id.")
    if "type" not in head and type_name is None:
        raise StartError(f"{name}: has no column type; add one, or name the type with --type.")
    if len(set(head)) < len(head):
        raise StartError(f"{name}: two columns have the same name, or none.")


def _entity(head: list[str], row: list[str], type_name: str | None) -> dict[str, Any]:
    cells = {column: cell.strip() for column, cell in zip(head, row, strict=True) if cell.strip()}
    said = cells.get("type", type_name)
    of_type = vocabulary().types.get(said or "")
    entity: dict[str, Any] = {} if said is None else {"type": said}
    parts: dict[str, dict[str, str]] = {}
    for column, cell in cells.items():
        if column in ("id", "type"):
            entity[column] = cell
        elif column == "scope":
            entity[column] = cell.split(";") if ";" in cell else cell
        else:
            attribute, _, part = column.partition(".")
            parts.setdefault(attribute, {})[part] = cell
    for attribute, told in parts.items():
        entity[attribute] = _instance(told, _known(of_type, attribute))
    return entity


def _known(of_type: EntityType | None, attribute: str) -> Attribute | None:
    return None if of_type is None else of_type.attributes.get(attribute)


def _instance(told: Mapping[str, str], one: Attribute | None) -> Any:
    """Return an attribute, normalized."""
    beside = {part: told[part] for part in _BESIDE if part in told}
    inner = {part: cell for part, cell in told.items() if part and part not in _BESIDE}
    kind = "Property" if one is None else one.kind
    value: Any = _value(told.get("", ""), one)
    if inner.keys() == {"lon", "lat"}:
        kind = "GeoProperty"
        value = {"type": "Point", "coordinates": [_number(inner["lon"]), _number(inner["lat"])]}
    elif inner:
        value = {part: _value(cell, one) for part, cell in inner.items()}
    return {"type": kind, MEMBER[kind]: value, **beside}


def _value(cell: str, one: Attribute | None) -> Any:
    if cell[:1] in ("{", "["):
        try:
            return read_json(cell.encode())
        except LinliError:
            return cell
    if one is None or not one.many or ";" not in cell:
        single = _single(cell, one)
        return [single] if one is not None and one.many and one.kind == "ListProperty" else single
    return [_single(part.strip(), one) for part in cell.split(";")]


def _single(cell: str, one: Attribute | None) -> Any:
    """Return a value in the form that the standard wants; a text that cannot be one stays a text, to be judged."""
    if one is not None and one.kind == "Property":
        if one.value == "boolean":
            return _TRUTHS.get(cell.lower(), cell)
        if one.value in ("integer", "number"):
            return _number(cell)
    return cell


def _number(cell: str) -> Any:
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        number = float(cell)
    except ValueError:
        return cell
    return number if math.isfinite(number) else cell
