"""What may stand in the repository: no large files, no addresses of registries, no paths of a machine."""

import re
import subprocess
import tomllib

BYTES_MAX = 1_000_000
# Put together here so that this file does not hold what it forbids.
_REGISTRIES = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "yarn" + "pkg.com"]
_REGISTRIES += ["npm" + "mirror.com", "go" + "lang.org/x", "crates" + ".io", "tsinghua" + ".edu.cn", "artifact" + "ory"]
_FOLDERS = ["wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers"]
REGISTRY = re.compile("|".join(re.escape(host) for host in _REGISTRIES), re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.~)}\]\-])/(?:" + "|".join(_FOLDERS) + r")/[\w.]")
ADDRESS = re.compile(r"https?://|index-url|extra-index|find-links", re.IGNORECASE)


def _lines(files, root):
    for path in files:
        content = path.read_bytes()
        if b"\0" not in content:  # pictures, maps and databases hold no lines
            for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
                yield f"{path.relative_to(root)}:{number}", line


def test_no_file_is_over_a_megabyte(files, root):
    assert [str(path.relative_to(root)) for path in files if path.stat().st_size > BYTES_MAX] == []


def test_no_address_of_a_package_registry_stands_anywhere(files, root):
    assert [where for where, line in _lines(files, root) if REGISTRY.search(line)] == []


def test_no_path_of_a_machine_stands_anywhere(files, root):
    assert [where for where, line in _lines(files, root) if MACHINE_PATH.search(line)] == []


def test_lock_files_hold_hashes_and_no_addresses(files, root):
    pins = [path for path in files if path.match("requirements/*.txt")]
    locks = [path for path in files if path.name == "package-lock.json"]
    assert pins
    assert [where for where, line in _lines(pins, root) if ADDRESS.search(line)] == []
    assert [where for where, line in _lines(locks, root) if '"resolved"' in line] == []
    assert all('"integrity": "sha512-' in lock.read_text("utf-8") for lock in locks)


def test_every_pinned_requirement_has_a_hash(root):
    for lock in sorted((root / "requirements").glob("*.txt")):
        pins = re.split(r"\n(?=[a-z0-9])", lock.read_text("utf-8"))
        assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == [], lock.name


def test_no_two_sets_of_requirements_disagree(root):
    pinned: dict[str, set[str]] = {}
    for lock in sorted((root / "requirements").glob("*.txt")):
        for name, version in re.findall(r"^([a-z0-9_.-]+)==(\S+)", lock.read_text("utf-8"), re.MULTILINE):
            pinned.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in pinned.items() if len(versions) > 1} == {}


def test_every_dependency_is_pinned_for_running(root):
    declared = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    pinned = set(re.findall(r"^([a-z0-9_.-]+)==", (root / "requirements/run.txt").read_text("utf-8"), re.MULTILINE))
    assert {re.split(r"[><=~ \[]", line)[0] for line in declared} - pinned == set()


def test_every_script_is_plain_sh_and_may_be_run(root):
    for script in sorted((root / "scripts").iterdir()):
        if script.suffix or script.is_dir():
            continue
        first = script.read_text("utf-8").splitlines()[0]
        assert first in {"#!/bin/sh", "#!/usr/bin/env python3"}, f"{script.name} begins with {first}"
        assert script.stat().st_mode & 0o111, f"{script.name} is not executable"
        if first == "#!/bin/sh":
            read = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
            assert read.returncode == 0, read.stderr
