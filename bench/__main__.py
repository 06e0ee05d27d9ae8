"""Run the benches and keep their figures: `python -m bench [names] [--runs 3] [--out FILE]`."""

from __future__ import annotations

import argparse
import datetime as dt
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from bench._probe import environment

HERE = Path(__file__).resolve().parent
Line = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, merge, write, print; return 1 when a bench failed or measured something wrong."""
    options = _options(arguments)
    known = names()
    if unknown := sorted(set(options.names) - set(known)):
        print(f"bench: there is no {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    results = orjson.loads(options.out.read_bytes()) if options.out.exists() else {"format": 1, "benches": {}}
    sound = True
    for name in options.names or known:
        runs = min(options.runs, runs_max(name))
        print(f"bench: {name}, {runs} runs", file=sys.stderr)
        env = environment()
        lines, whole = run(name, runs, options.rest)
        sound &= whole and all(line["ok"] for line in lines)
        if whole:
            results["benches"][name] = {
                "date": dt.datetime.now(dt.UTC).date().isoformat(),
                "runs": runs,
                "env": env,
                "results": merged(lines),
            }
            options.out.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
            print(table(results["benches"][name]["results"]), file=sys.stderr)
    return 0 if sound else 1


def names() -> list[str]:
    """Return every bench: each file beside this one whose name does not begin with an underscore."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def runs_max(name: str) -> int:
    """Return how often a bench needs to run at most: one that repeats by itself says `FRAME_RUNS = 1`."""
    said = re.search(r"^FRAME_RUNS = (\d+)$", (HERE / f"{name}.py").read_text("utf-8"), re.MULTILINE)
    return int(said[1]) if said else 100


def run(name: str, runs: int, rest: Sequence[str]) -> tuple[list[Line], bool]:
    """Run one bench several times, each in a process of its own; return its lines, and whether all ended well."""
    lines: list[Line] = []
    for _ in range(runs):
        ended = subprocess.run(
            [sys.executable, "-m", f"bench.{name}", *rest], cwd=HERE.parent, stdout=subprocess.PIPE, check=False
        )
        printed = [line for line in ended.stdout.splitlines() if line.startswith(b"{")]
        lines += [orjson.loads(line) for line in printed]
        if ended.returncode or not printed:
            print(f"bench: {name} ended with {ended.returncode} and {len(printed)} lines", file=sys.stderr)
            return lines, False
    return lines, True


def merged(lines: Sequence[Line]) -> list[Line]:
    """Join the runs of each case: every figure becomes its median with the smallest and the largest.

    A figure that is the same in all runs stays as it is.
    """
    cases: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        cases.setdefault((line["bench"], str(line["case"])), []).append(line)
    return [
        {field: _joined([line[field] for line in runs if field in line]) for field in runs[0] if field != "env"}
        for runs in cases.values()
    ]


def _joined(values: list[Any]) -> Any:
    if all(isinstance(value, bool) for value in values):
        return all(values)
    if all(isinstance(value, int | float) for value in values):
        if len(set(values)) == 1:
            return values[0]
        return {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return values[0]


def table(results: Sequence[Line]) -> str:
    """Return the figures for reading: one line a case."""
    rows = []
    for result in results:
        figures = [
            f"{field} {_shown(value)}"
            for field, value in result.items()
            if field not in {"bench", "case", "unit", "ok"} and isinstance(value, int | float | dict)
        ]
        mark = "" if result["ok"] else "  WRONG"
        rows.append(f"  {result['bench']} {result['case']} [{result['unit']}]: {', '.join(figures)}{mark}")
    return "\n".join(rows)


def _shown(value: Any) -> str:
    if isinstance(value, dict) and {"median", "min", "max"} <= set(value):
        return f"{value['median']:.4g} ({value['min']:.4g} to {value['max']:.4g})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Answer questions with figures.")
    parser.add_argument("names", nargs="*", help="which benches; default: all")
    parser.add_argument("--runs", type=int, default=3, help="how often each runs; figures are medians with both ends")
    parser.add_argument("--out", type=Path, default=HERE / "results.json", help="where the figures are kept")
    parser.add_argument("--rest", nargs=argparse.REMAINDER, default=[], help="all that follows goes to the benches")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
