"""A plan as a map: GeoJSON for any program, SVG for a report. Drawn from cells and sites only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from linli.travel import Network

from ._planning import Plan

WIDTH = 900
COLOURS = {"before": "#0B5D4E", "gained": "#4C9F70", "outside": "#B4232A", "site": "#124A8A", "there": "#565D64"}
STREETS = ("motorway", "trunk", "primary", "secondary", "tertiary")


def plan_geojson(plan: Plan) -> dict[str, Any]:
    """Return sites and cells as a FeatureCollection of points; `what` is site, there, before, gained or outside."""
    features = [
        _feature(cell.lon, cell.lat, what, people=round(cell.people))
        for cell, what in zip(plan.cells, _standing(plan), strict=True)
    ]
    there = len(plan.problem.there) if plan.problem is not None else 0
    features += [_feature(*place, "there") for place in plan.sites[:there]]
    features += [_feature(*plan.sites[one], "site") for one in plan.best]
    return {"type": "FeatureCollection", "features": features}


def plan_svg(plan: Plan, network: Network, words: dict[str, str]) -> str:
    """Return the plan as an SVG: streets in grey, cells by what happens to them, sites; `words` are the legend's."""
    lonlat = np.array([(cell.lon, cell.lat) for cell in plan.cells] + list(plan.sites), np.float64).reshape(-1, 2)
    if not len(lonlat):
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 40"></svg>'
    (west, south), (east, north) = lonlat.min(axis=0) - 0.002, lonlat.max(axis=0) + 0.002
    narrow = math.cos(math.radians((south + north) / 2))
    scale = WIDTH / ((east - west) * narrow)
    height = round((north - south) * scale)

    def at(lon: float, lat: float) -> str:
        return f"{(lon - west) * narrow * scale:.1f},{(north - lat) * scale:.1f}"

    def dot(lon: float, lat: float, radius: float, what: str) -> str:
        x, y = at(lon, lat).split(",")
        return f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="{COLOURS[what]}" fill-opacity="0.75"/>'

    streets = network.streets((west, south, east, north), STREETS)["features"]
    lines = [" ".join(at(*point) for point in one["geometry"]["coordinates"]) for one in streets]
    parts = [f'<polyline points="{line}" fill="none" stroke="#C9CDD2" stroke-width="1"/>' for line in lines]
    parts += [
        dot(cell.lon, cell.lat, min(14.0, 1.5 + math.sqrt(cell.people) / 4), what)
        for cell, what in zip(plan.cells, _standing(plan), strict=True)
    ]
    there = len(plan.problem.there) if plan.problem is not None else 0
    for place, what in [(one, "there") for one in plan.sites[:there]] + [(plan.sites[n], "site") for n in plan.best]:
        x, y = at(*place).split(",")
        parts.append(
            f'<rect x="{float(x) - 6:.1f}" y="{float(y) - 6:.1f}" width="12" height="12" fill="{COLOURS[what]}"/>'
        )
    for row, (what, colour) in enumerate(COLOURS.items()):
        y = height + 20 + 22 * row
        parts.append(f'<rect x="8" y="{y - 11}" width="14" height="14" fill="{colour}"/>')
        parts.append(f'<text x="30" y="{y}" font-size="14" font-family="sans-serif">{_escaped(words[what])}</text>')
    licence = _escaped(network.licence or "")
    parts.append(f'<text x="{WIDTH - 8}" y="{height + 20}" font-size="12" text-anchor="end">{licence}</text>')
    whole = height + 30 + 22 * len(COLOURS)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" width="{WIDTH}" height="{whole}">'
    return head + '<rect width="100%" height="100%" fill="#FFFFFF"/>' + "".join(parts) + "</svg>"


def _standing(plan: Plan) -> list[str]:
    before, after = plan.covered(()), plan.covered(plan.best)
    return ["before" if a else "gained" if b else "outside" for a, b in zip(before, after, strict=True)]


def _feature(lon: float, lat: float, what: str, **more: object) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]}
    return {"type": "Feature", "geometry": point, "properties": {"what": what, **more}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
