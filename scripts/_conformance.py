"""Run the public ETSI NGSI-LD suite against the broker of this folder, group by group, and print one table.

Nothing in the suite is changed: a copy of it is run, with a fresh database and a fresh broker before each group. As root
all of it happens in a network namespace of its own, so that nothing else on the machine is met or disturbed. With
`--rename SEED` every type and attribute name in the copy is replaced by a random word (scripts/_suite_words.py).
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from _suite_words import rename

from linli.broker._core_context import core_document

ROOT = Path(__file__).resolve().parent.parent
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
PORT = 9090  # two tests of the suite have it written into them
INSIDE = "LINLI_CONFORMANCE_INSIDE"
GROUP_S_MAX = 2400
START_S_MAX = 20

#: group -> folders below TP/NGSI-LD
GROUPS = {
    "common": ["CommonBehaviours"],
    "entities": ["ContextInformation/Provision/Entities"],
    "attributes": ["ContextInformation/Provision/EntityAttributes"],
    "batch": ["ContextInformation/Provision/BatchEntities"],
    "purge": ["ContextInformation/Provision/PurgeEntities"],
    "transient": ["ContextInformation/Provision/TransientEntities"],
    "entity-query": ["ContextInformation/Consumption/Entity"],
    "discovery": ["ContextInformation/Consumption/Discovery"],
    "contexts": ["jsonldContext"],
    "subscription": ["ContextInformation/Subscription"],
    "temporal-write": [
        "ContextInformation/Provision/TemporalEntity",
        "ContextInformation/Provision/TemporalEntityAttributes",
    ],
    "temporal-query": ["ContextInformation/Consumption/TemporalEntity"],
    "csource-registration": ["ContextSource/Registration"],
    "csource-discovery": ["ContextSource/Discovery"],
    "csource-subscription": ["ContextSource/RegistrationSubscription"],
    "distops": ["DistributedOperations"],
    "entitymap": ["ContextInformation/EntityMap"],
    "snapshot": ["ContextInformation/Snapshot"],
}


@dataclass(slots=True)
class Result:
    """How one group went: numbers of tests, seconds, (test, message) of each that failed, and (bytes, of these indexes,
    rows) of each table of PostgreSQL at its end.
    """

    group: str
    passed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failed: list[tuple[str, str]] = field(default_factory=list)
    trouble: str = ""
    tables: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def run(self) -> int:
        """Return how many tests were run."""
        return self.passed + len(self.failed)


def main() -> int:
    """Run what was asked for; the exit code is 1 when any test failed."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    if os.environ.get(INSIDE) != "1":
        _prepare(options)
        if _may_have_namespace(options):
            inside = {**os.environ, INSIDE: "1"}
            words = ["unshare", "-n", sys.executable, __file__, *sys.argv[1:], "--out", str(options.out)]
            os.execvpe("unshare", words, inside)
        print("conformance: no network namespace; ports 1883, 8085-8087 and 9090 must be free", file=sys.stderr)
    else:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with _shim(options.out) as path:
        results = [_run(group, options, path) for group in options.groups]
    _write(options.out, results)
    if options.store:
        print("\n".join(_table_sizes(results)))
    return 0 if results and all(not one.failed and not one.trouble for one in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__.partition("\n")[0])
    parser.add_argument("suite", type=Path, help="folder of the suite: TP, resources, data, libraries")
    parser.add_argument("groups", nargs="*", help=f"default: all. {', '.join(GROUPS)}, or a folder below TP/NGSI-LD")
    parser.add_argument("--store", default="", help="store.url; default: SQLite in the folder of the results")
    parser.add_argument("--rename", type=int, metavar="SEED", help="replace all type and attribute names")
    parser.add_argument("--out", type=Path, help="folder for the results; default: a new one")
    parser.add_argument(
        "--robot", default=os.environ.get("ROBOT", ""), help="robot of an environment with what it needs"
    )
    parser.add_argument("--contexts", type=Path, action="append", default=[], help="further JSON maps, URL to file")
    parser.add_argument("--test", action="append", default=[], help="only tests of this name; * stands for anything")
    options = parser.parse_intermixed_args()
    options.suite = options.suite.resolve()
    if not (options.suite / "resources" / "variables.py").is_file():
        parser.error(f"{options.suite} holds no suite: there is no resources/variables.py")
    if "schema=" in options.store:
        parser.error("--store: leave schema= out; the schema linli is emptied before each group")
    options.groups = options.groups or list(GROUPS)
    options.out = (options.out or Path(tempfile.mkdtemp(prefix="linli-conformance-"))).resolve()
    return options


def _may_have_namespace(options: argparse.Namespace) -> bool:
    """Say whether a namespace can be made; a database that is reached by TCP would be out of reach inside one."""
    by_tcp = re.match(r"postgresql://[^/?]*[^/?@]+/", options.store) is not None
    return os.geteuid() == 0 and shutil.which("unshare") is not None and not by_tcp


# before the first group


def _prepare(options: argparse.Namespace) -> None:
    copy = options.out / "suite"
    shutil.rmtree(copy, ignore_errors=True)
    for folder in ("TP", "resources", "libraries", "data"):
        shutil.copytree(options.suite / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", ".git"))
    shutil.copy(options.suite / "requirements.txt", copy)
    contexts = _contexts(options, copy)
    if options.rename is not None:
        ours = [options.out / "documents" / name for name in set(contexts.values()) if "core-context" not in name]
        words = rename(copy, [file for file in ours if file.is_file()], core_document(), options.rename)
        (options.out / "words.json").write_text(json.dumps(words, indent=1), "utf-8")
        print(f"conformance: {len(words)} type and attribute names were replaced; words.json lists them", flush=True)
    if not options.robot and not (options.out / "robot/bin/robot").exists():
        print("conformance: installing what the suite needs", flush=True)
        venv.create(options.out / "robot", with_pip=True, clear=True)
        pip = [options.out / "robot/bin/python", "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
        subprocess.run(pip, check=True, cwd=copy)


def _contexts(options: argparse.Namespace, copy: Path) -> dict[str, str]:
    """Write the map of @context documents: the suite's own by its addresses, and those of the further maps."""
    folder = options.out / "documents"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    said: dict[str, str] = {}
    for file in (*_shared_maps(), *options.contexts):
        for url, name in json.loads(file.read_text("utf-8")).items():
            shutil.copy(file.parent / name, folder / name)
            said[url] = name
    base = _variable(copy, "ngsild_test_suite_context").rpartition("/")[0]
    for file in (copy / "resources/jsonld-contexts").glob("*.jsonld"):
        said[f"{base}/{file.name}"] = file.name
        shutil.copy(file, folder / file.name)
    (folder / "map.json").write_text(json.dumps(said, indent=1), "utf-8")
    return said


def _shared_maps() -> Iterator[Path]:
    folder = Path(os.environ.get("LINLI_SHARED", ROOT.parent / "shared")) / "contexts"
    yield from (
        file for name in ("contexts.json", "contexts-offline-placeholders.json") if (file := folder / name).is_file()
    )


def _variable(copy: Path, name: str) -> str:
    tree = ast.parse((copy / "resources/variables.py").read_text("utf-8"))
    for line in tree.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == name:
            return str(ast.literal_eval(line.value))
    raise SystemExit(f"conformance: resources/variables.py names no {name}")


@contextmanager
def _shim(out: Path) -> Iterator[str]:
    """Give a PATH on which `docker` is a local mosquitto: so the suite's MQTT tests need no containers."""
    folder = out / "bin"
    folder.mkdir(exist_ok=True)
    stand_in = folder / "docker"
    words = f'"{sys.executable}" "{ROOT / "scripts/_suite_mqtt.py"}" "{out}" "{out / "suite"}"'
    stand_in.write_text(f'#!/bin/sh\nexec {words} "$@"\n', "utf-8")
    stand_in.chmod(0o755)
    try:
        yield f"{folder}:{os.environ['PATH']}:/usr/sbin"
    finally:
        subprocess.run([stand_in, "rm"], check=False)


# a group


def _run(group: str, options: argparse.Namespace, path: str) -> Result:
    copy, began = options.out / "suite", time.monotonic()
    folders = [folder for name in GROUPS.get(group, [group]) if (folder := copy / "TP/NGSI-LD" / name).exists()]
    result = Result(group)
    if not folders:
        result.trouble = "not in this suite"
        return result
    folder = options.out / group.replace("/", "_")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with _broker(options, folder):
        words = [options.robot or options.out / "robot/bin/robot", "--console", "dotted", "--name", folder.name]
        words += [part for name, value in _variables().items() for part in ("--variable", f"{name}:{value}")]
        words += [part for test in options.test for part in ("--test", test)]
        with (folder / "console").open("wb") as console:
            try:
                subprocess.run(
                    [*map(str, words), "--outputdir", str(folder), *map(str, folders)],
                    cwd=copy, env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                    timeout=GROUP_S_MAX, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                result.trouble = f"not done after {GROUP_S_MAX} s"
    result.seconds = time.monotonic() - began
    if options.store:
        result.tables = asyncio.run(_tables(options.store))
    _read(folder / "output.xml", result)
    print(_line(result), flush=True)
    return result


def _variables() -> dict[str, object]:
    here = "127.0.0.1"
    url = f"http://localhost:{PORT}/ngsi-ld/v1"
    hosts = ("notification_server_host", "context_source_host", "context_server_host", "mqtt_broker_host")
    return {
        "url": url,
        "temporal_api_url": url,
        **dict.fromkeys(hosts, here),
        "core_context": CORE,
        "delete_temporal_on_core_delete": True,
    }


@contextmanager
def _broker(options: argparse.Namespace, folder: Path) -> Iterator[None]:
    """Run the broker on an empty database."""
    more: list[str] = []
    if options.store:
        asyncio.run(_emptied(options.store))
        more = ["--set", f"store.url={options.store}"]
    settings = (
        'egress.allow=["127.0.0.1","localhost"]',
        'contexts.allow=["127.0.0.1","localhost"]',
        "contexts.wait_s=5",
        "history.page_instances=30",
    )
    words = [sys.executable, "-m", "linli", "serve", "--only", "broker", "--open", "--port", str(PORT)]
    words += ["--data", str(folder / "node"), "--context-map", str(options.out / "documents/map.json"), *more]
    words += [part for one in settings for part in ("--set", one)]
    with (folder / "broker.log").open("wb") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}
        )
        try:
            _wait_until_healthy(process, folder)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(process: subprocess.Popen[bytes], folder: Path) -> None:
    ends = time.monotonic() + START_S_MAX
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit(f"conformance: the broker did not start; see {folder / 'broker.log'}")


def _read(file: Path, result: Result) -> None:
    try:
        tests = list(ET.parse(file).getroot().iter("test"))
    except (OSError, ET.ParseError):
        result.trouble = result.trouble or "no results; see console"
        return
    for test in tests:
        status = test.find("status")
        state = "" if status is None else status.get("status", "")
        if state == "FAIL" and status is not None:
            result.failed.append((test.get("name", ""), " ".join((status.text or "").split())[:300]))
        elif state == "PASS":
            result.passed += 1
        else:
            result.skipped += 1


# the end


def _line(one: Result) -> str:
    return f"{one.group:<24} {one.passed:>5} / {one.run:<5} {one.seconds:>6.0f} s  {one.trouble}".rstrip()


def _write(out: Path, results: list[Result]) -> None:
    rows = [f"{one.group}\t{test}\t{message}" for one in results for test, message in one.failed]
    (out / "failed.tsv").write_text("\n".join(("group\ttest\tmessage", *rows)) + "\n", "utf-8")
    total = Result("total", sum(one.passed for one in results), seconds=sum(one.seconds for one in results))
    total.failed = [row for one in results for row in one.failed]
    table = [f"{'group':<24} passed / run", *map(_line, results), _line(total)]
    (out / "table.txt").write_text("\n".join(table) + "\n", "utf-8")
    print("\n".join(("", *table, "", f"failed tests: {out / 'failed.tsv'}")))


async def _emptied(store: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(store)
    try:
        await connection.execute("DROP SCHEMA IF EXISTS linli CASCADE")
    finally:
        await connection.close()


async def _tables(store: str) -> dict[str, tuple[int, int, int]]:
    import asyncpg

    connection = await asyncpg.connect(store)
    try:
        await connection.execute("ANALYZE")
        rows = await connection.fetch(
            "SELECT c.relname, pg_total_relation_size(c.oid), pg_indexes_size(c.oid), greatest(c.reltuples, 0)::bigint"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'linli' AND c.relkind = 'r'"
        )
    finally:
        await connection.close()
    return {name: (size, keys, count) for name, size, keys, count in rows}


def _table_sizes(results: list[Result]) -> Iterator[str]:
    """Yield a line for each table as it was at the end of the group that left most in it."""
    yield ""
    yield f"{'table, at its largest':<24} {'KiB':>8} {'of it keys':>11} {'rows':>8}  after"
    for name in sorted({name for one in results for name in one.tables}):
        (size, keys, count), group = max((one.tables[name], one.group) for one in results if name in one.tables)
        yield f"{name:<24} {size >> 10:>8} {keys >> 10:>11} {count:>8}  {group}"


if __name__ == "__main__":
    sys.exit(main())
