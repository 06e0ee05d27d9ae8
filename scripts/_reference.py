"""Write docs/reference and the README's figures from the code and bench/results.json; `--check` only compares.

Every page is a function of what the program itself says, so a page cannot say something else than the program does.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from starlette.routing import Route

import linli
from linli.base import Settings, WallClock
from linli.base.errors import LinliError
from linli.packs import BUILTIN, Packs
from linli.trust import Policies
from linli.vocab import reference_pages, vocabulary
from linli.web._ngsild import ROUTES

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs/reference"
BEGIN, END = "<!-- figures: written by scripts/docs -->", "<!-- end of figures -->"
#: what a route does whose code is shared by several
SAID = {
    "/api/calls/{id}/acknowledge": "Say that a worker has seen the call; an alarm falls silent.",
    "/api/calls/{id}/arrive": "The helper is there: `{lon?, lat?}`.",
    "/api/calls/{id}/cancel": "Take the call back, as long as nobody is there: `{reason?}`.",
    "/api/calls/{id}/confirm": "The caller says that it is done.",
    "/api/calls/{id}/depart": "The helper is on the way.",
    "/api/calls/{id}/false-alarm": "Nothing was the matter, said by somebody who has spoken with the person: `{reason?}`.",
    "/api/calls/{id}/finish": "The helper is done: `{note?}`.",
    "/api/calls/{id}/offer": "A worker offers the call by hand: `{helper, reason}`; the reason stays with the call.",
    "/api/calls/{id}/rate": "The caller gives `{stars, text?}`, 1 to 5 stars.",
    "/api/calls/{id}/reopen": "The caller says that it is not done after all: `{reason?}`; it goes out again.",
    "/api/calls/{id}/take": "The desk takes up what it does itself; nobody travels for it.",
    "/city": "The city page: map, helpers as dots, open calls, circles.",
    "/helper": "The helper's page: duty, offer, one step after the other.",
    "/style": "What the pages are made of.",
    "/worker": "The worker's page: all open calls, what to do next.",
}
MADE = "<!-- Written by scripts/docs from the code. Change the code, then run `make docs`. -->"


def main(arguments: list[str]) -> int:
    """Write what differs, or with --check say what differs and return 1."""
    check = arguments == ["--check"]
    if arguments and not check:
        print("docs: the only option is --check", file=sys.stderr)
        return 2
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        name = path.relative_to(ROOT)
        print(f"docs: {name} is stale; run make docs" if check else f"docs: wrote {name}")
    if not check:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path], "utf-8")
    return 1 if check and stale else 0


def pages() -> dict[Path, str]:
    """Return every page that is made, by its file."""
    for module in pkgutil.walk_packages(linli.__path__, "linli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    made = {
        REFERENCE / "settings.md": _page("Settings", _settings()),
        REFERENCE / "errors.md": _page("Errors", _errors()),
        REFERENCE / "routes.md": _page("Routes", _routes()),
        REFERENCE / "packs.md": _page("Packs", _packs()),
        REFERENCE / "rules.md": _page("Rules", _rules()),
        **{REFERENCE / "vocabulary" / name: text for name, text in reference_pages(vocabulary()).items()},
    }
    readme = (ROOT / "README.md").read_text("utf-8")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    made[ROOT / "README.md"] = "".join((before, BEGIN, "\n", *_lines(_figures()), END, after))
    return made


def _page(title: str, lines: Iterator[str]) -> str:
    return "".join(_lines(iter((f"# {title}", "", MADE, "")))) + "".join(_lines(lines))


def _lines(lines: Iterator[str]) -> Iterator[str]:
    return (f"{line}\n" for line in lines)


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield "|" + " --- |" * len(cells)


def _settings() -> Iterator[str]:
    yield "Order: `--set name=value`, then the environment, then `linli.toml`, then the default."
    yield "`linli settings` shows the values of a node and where each came from."
    yield ""
    yield from _head("setting", "environment", "default", "meaning")
    for one in Settings.declared():
        choices = (
            f" One of: {', '.join(one.choices)}." if one.choices and ", ".join(one.choices) not in one.text else ""
        )
        default = "empty" if one.default == "" else f"`{one.default}`"
        yield _row(f"`{one.name}`", f"`{one.environment}`", default, one.text + choices)


def _rules() -> Iterator[str]:
    yield "Who may see and do what: the Cedar files in `src/linli/trust/policies`. What no rule lets is denied, and what one"
    yield "of them forbids is denied whatever others let. A rule says how it shows attributes, class by class; where several"
    yield "let, the more open counts. [Why it is so](../explanation/who-may-see-what.md); `linli trust explain` asks them."
    yield ""
    yield from _head("rule", "", "what it says", "personal", "sensitive", "of a child")
    for rule in Policies(WallClock()).rules():
        yield _row(
            f"`{rule.name}`",
            "lets" if rule.permits else "forbids",
            rule.says,
            *(rule.shown if rule.permits else ("",) * 3),
        )


def _errors() -> Iterator[str]:
    yield "Every route answers an error in one form, `application/problem+json`: `type`, `title`, `detail`, `status`."
    yield "The detail says what to do. Errors of starting stand on the terminal and never go over HTTP."
    yield ""
    yield from _head("code", "status", "type", "meaning")
    for error in sorted(set(_below(LinliError)), key=lambda one: (one.status, one.code, one.__name__)):
        problem = error().problem()
        if error.code == "StartError":
            yield _row(f"`{error.__name__}`", "at start", "", problem["title"])
        else:
            yield _row(f"`{error.code}`", problem["status"], f"`{problem['type']}`", problem["title"])


def _below(error: type[LinliError]) -> Iterator[type[LinliError]]:
    if error.__module__ == "linli.base.errors":
        yield error
    for child in error.__subclasses__():
        yield from _below(child)


def _routes() -> Iterator[str]:
    yield "JSON in and out, on port 8800. Who asks: `Authorization: Bearer ...`, or the cookie of the sign-in page."
    yield "Nobody signed in is a caller, who may place a call and watch it with the word in the answer (`Linli-Watch`)."
    yield ""
    yield from _head("method", "path", "what it does")
    for route in sorted(asyncio.run(_starlette_routes()), key=lambda one: (one.path, sorted(one.methods or ()))):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield _row(method, f"`{route.path}`", SAID.get(route.path) or _first_sentence(route.endpoint))
    yield ""
    yield "## NGSI-LD"
    yield ""
    yield "Below `/ngsi-ld/v1`. Further operations of the standard answer 422 OperationNotSupported."
    yield ""
    yield from _head("method", "path", "what it does")
    for segments, methods in sorted(ROUTES.items()):
        for method, route in methods.items():
            path = "/".join(segments).replace("{}", "{id}")
            yield _row(method, f"`/ngsi-ld/v1/{path}`", _first_sentence(route.handler))


async def _starlette_routes() -> list[Route]:
    from linli.app import Plan, build

    with tempfile.TemporaryDirectory() as folder:
        clock = WallClock()
        node = await build(Plan(Path(folder), Settings(), city_clock=lambda _: clock, wall_clock=clock, sync="off"))
        found = [route for route in node.web._pages.routes if isinstance(route, Route)]
        await node.store.close()
    return found


def _first_sentence(endpoint: Any) -> str:
    text = endpoint.__doc__.strip().split("\n\n")[0]
    return " ".join(text.split())


def _packs() -> Iterator[str]:
    packs = Packs.load()
    yield "A pack says in one file which services there are, who can give them, and how fast. The quality is computed."
    for key in sorted(packs.packs):
        pack = packs.packs[key]
        yield ""
        yield f"## {key}: {pack.title['zh']} {pack.title['en']}"
        yield ""
        folder = (BUILTIN / key).relative_to(ROOT)
        yield f"{pack.summary['en']}. Version {pack.version}, quality {pack.quality}. Source: `{folder}/pack.toml`."
        yield ""
        yield from _head("kind", "中文", "English", "urgency", "skills", "there within", "answer within")
        for kind in pack.kinds.values():
            yield _row(
                f"`{kind.key}`",
                kind.title["zh"],
                kind.title["en"],
                ("routine", "soon", "urgent", "life")[kind.urgency],
                ", ".join(kind.skills),
                "" if kind.desk else f"{kind.arrive_within_min:g} min",
                f"{kind.offer_open_min:g} min",
            )
        for call, engine in pack.waiting.items():
            yield _row(f"`{call}`", "", f"declared; waits for the engine `{engine}`", "", "", "", "")


def _figures() -> Iterator[str]:
    """Yield the README's tables: what docs/figures.toml asks for, as it stands in bench/results.json."""
    asked = tomllib.loads((ROOT / "docs/figures.toml").read_text("utf-8"))
    measured = ROOT / "bench/results.json"
    benches = orjson.loads(measured.read_bytes())["benches"] if measured.exists() else {}
    yield from _head("what", "measured", "smallest to largest", "bench")
    for figure in asked.get("figure", []):
        bench = benches.get(figure["bench"], {"results": []})
        named = [line for line in bench["results"] if (line["bench"], line["case"]) == (figure["name"], figure["case"])]
        if not named:
            yield _row(figure["text"], "not measured yet", "", f"`make bench ARGS={figure['bench']}`")
            continue
        value = named[0][figure["field"]]
        ends = value if isinstance(value, dict) else {"median": value, "min": value, "max": value}
        middle, low, high = (_number(ends[end], figure) for end in ("median", "min", "max"))
        yield _row(
            figure["text"],
            f"{middle} {figure['unit']}",
            f"{low} to {high}" if low != high else "",
            f"`make bench ARGS={figure['bench']}`, {bench['date']}, {bench['env']['cores']} cores",
        )
    yield from _policies(benches.get("policies"), asked["policies"])


def _policies(bench: dict[str, Any] | None, words: dict[str, str]) -> Iterator[str]:
    if bench is None:
        return
    yield ""
    yield f"{words['lead']} Mean over the seeds (smallest to largest):"
    yield ""
    yield from _head(
        "load", "policy", "seeds", "there within 60 min", "urgent within 15 min", "calls that crossed a border"
    )
    for line in bench["results"]:
        load, policy = line["case"].split(", ")
        yield _row(
            load,
            f"{policy}: {words[policy]}",
            line["seeds"],
            *(
                f"{line[f'{name}_mean']:{form}} ({line[f'{name}_min']:{form}} to {line[f'{name}_max']:{form}})"
                for name, form in (("served60", ".1%"), ("urgent15", ".1%"), ("crossing", ".0f"))
            ),
        )


def _number(value: float, figure: dict[str, Any]) -> str:
    return f"{value * figure.get('times', 1):.{figure.get('digits', 0)}f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
