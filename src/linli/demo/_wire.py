"""Entities as they go over the wire: normalized NGSI-LD, and nothing that only we could read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from linli.base import Point

Entity = dict[str, Any]


def entity(type_name: str, entity_id: str, scope: str, **attributes: Entity | None) -> Entity:
    """Return an entity; an attribute that is None is left out."""
    present = {name: value for name, value in attributes.items() if value is not None}
    return {"id": entity_id, "type": type_name, "scope": [scope], **present}


def said(value: object) -> Entity:
    """Return a Property."""
    return {"type": "Property", "value": value}


def code(key: str | Sequence[str]) -> Entity:
    """Return a VocabProperty: a key of a code list, or several."""
    return {"type": "VocabProperty", "vocab": key}


def to(target: str | Sequence[str]) -> Entity:
    """Return a Relationship to one entity or several."""
    return {"type": "Relationship", "object": target}


def words(texts: dict[str, str]) -> Entity:
    """Return a LanguageProperty."""
    return {"type": "LanguageProperty", "languageMap": texts}


def free(value: object) -> Entity:
    """Return a JsonProperty."""
    return {"type": "JsonProperty", "json": value}


def point(place: Point) -> Entity:
    """Return a GeoProperty that is a point."""
    return _geo({"type": "Point", "coordinates": [place.lon, place.lat]})


def rectangle(box: tuple[float, float, float, float]) -> Entity:
    """Return a GeoProperty that is a box: west, south, east, north."""
    west, south, east, north = (round(side, 7) for side in box)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return _geo({"type": "Polygon", "coordinates": [ring]})


def _geo(geometry: Entity) -> Entity:
    return {"type": "GeoProperty", "value": geometry}


def read_back(simplified: Entity) -> Entity:
    """Return an entity that came simplified as plain values: codes, texts and JSON without their wrapping."""
    return {name: _unwrapped(value) for name, value in simplified.items()}


def _unwrapped(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key in ("vocab", "json", "languageMap"):
            return inner
    return value
