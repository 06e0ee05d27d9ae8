"""`linli circle`: who can be reached from a place, as a table or as GeoJSON."""

from __future__ import annotations

import argparse

from linli.base import Settings, checked_point, write_json
from linli.base.errors import StartError
from linli.travel import Network

from ._start import load_settings, open_map


def run(options: argparse.Namespace) -> int:
    """Print the circle around a place."""
    network = _network(options, load_settings(options))
    point = checked_point(options.lon, options.lat)
    node = network.node_at(point.lon, point.lat, options.mode)
    nodes, seconds = network.reach(node, options.minutes, options.mode, "from")
    if options.geojson:
        feature = {
            "type": "Feature",
            "geometry": network.outline(node, options.minutes, options.mode, "from"),
            "properties": {"mode": options.mode, "minutes": options.minutes, "licence": network.licence},
        }
        print(write_json(feature).decode())
        return 0
    print(f"{options.mode} from {point.lon}, {point.lat}: junctions reached, of {network.junctions} in all")
    for minutes in (*(step for step in (5, 10, 15, 30, 45, 60) if step < options.minutes), options.minutes):
        inside = int((seconds <= minutes * 60).sum())
        print(f"{minutes:6.0f} min {inside:8d}  {'#' * round(40 * inside / max(1, len(nodes)))}")
    print(network.licence)
    return 0


def _network(options: argparse.Namespace, settings: Settings) -> Network:
    if options.city:
        return open_map(options.city, options.data, settings)
    kept = sorted(options.data.glob("*.npz"), key=lambda file: file.stat().st_mtime, reverse=True)
    if not kept:
        raise StartError(f"There is no map in {options.data}: name one with --city FILE.osm.pbf.")
    return Network.load(kept[0])
