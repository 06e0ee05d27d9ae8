"""Open borders beside the two controls: who is reached within the hour on the streets of Jinan, over ten seeds.

Runs `linli demo` headless, each load with each policy, through the public doors. A seed gives the same figures on every
machine, so one run is enough. `python -m bench.policies [--seeds 101-110] [--calls 1500] [--hours 4]`.
An hour's work can go on where it was broken off: with `--keep DIR` each summary is kept there and not made again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from bench._stats import report

FRAME_RUNS = 1
ROOT = Path(__file__).resolve().parents[1]
LOADS = ("normal", "peak")
POLICIES = ("open", "nearest", "closed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all; return 0 when no run lost a call."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = ROOT / os.environ.get("LINLI_SHARED", "../shared")
    parser.add_argument("--map", type=Path, default=shared / "data/jinan/jinan.osm.pbf")
    parser.add_argument("--seeds", default="101-110")
    parser.add_argument("--closed-seeds", help="other seeds for `closed`, whose runs take longest; default: the same")
    parser.add_argument("--calls", type=int, default=1500)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--loads", default=",".join(LOADS))
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--keep", type=Path, help="folder for the summaries; one that is there already is taken")
    options = parser.parse_args(arguments)
    right = True
    for load in options.loads.split(","):
        for policy in options.policies.split(","):
            seeds = options.closed_seeds or options.seeds if policy == "closed" else options.seeds
            result = one(options, load, policy, seeds)
            ok = all(run["lost"] == 0 and run["open"] == 0 for run in result["runs"])
            right &= ok
            report("policies", f"{load}, {policy}", "share", ok=ok, seeds=seeds, **figures(result["over"]))
    return 0 if right else 1


def one(options: argparse.Namespace, load: str, policy: str, seeds: str) -> dict[str, Any]:
    """Return the summary of one load under one policy over these seeds."""
    kept = options.keep / f"{load}-{policy}-{seeds}.json" if options.keep else None
    if kept is not None and kept.exists():
        found: dict[str, Any] = orjson.loads(kept.read_bytes())
        return found
    ended = subprocess.run(
        [
            sys.executable, "-m", "linli", "demo", "--city", str(options.map), "--json",
            "--load", load, "--policy", policy, "--seeds", seeds,
            "--calls", str(options.calls), "--hours", str(options.hours),
        ],
        stdout=subprocess.PIPE,
        check=True,
    )  # fmt: skip
    result: dict[str, Any] = orjson.loads(ended.stdout)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(ended.stdout)
    return result


def figures(over: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return mean and both ends over the seeds, for what is compared; None where a seed's figure is "not reached"."""
    names = {
        "served60": "servedWithin60",
        "urgent15": "urgentWithin15",
        "wait_p50_min": "waitP50Min",
        "crossing": "crossing",
        "unserved": "unserved",
        "km_per_call": "kmPerCall",
    }
    return {f"{name}_{end}": over[source].get(end) for name, source in names.items() for end in ("mean", "min", "max")}


if __name__ == "__main__":
    sys.exit(main())
