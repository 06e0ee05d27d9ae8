"""What every test may use: the maps beside the repository, figures for the proof table, and settings of hypothesis."""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# Time limits an example would fail on a busy machine and says nothing about the law under test.
settings.register_profile("linli", deadline=None, print_blob=True)
# `make check` asks for this one by --hypothesis-profile; a law that names its own number of examples keeps it.
settings.register_profile("quick", settings.get_profile("linli"), max_examples=20)
settings.load_profile("linli")


def _shared() -> Path:
    return (ROOT / os.environ.get("LINLI_SHARED", "../shared")).resolve()


def pytest_collection_modifyitems(items):
    """Skip what needs the maps where there are none, and say how to bring them; know hostile tests by their numbers;
    files that drive a browser come last, whole, since a file is what one process takes.

    Playwright keeps its event loop open to the end of the run, and no test after it could start a loop of its own.
    """
    for item in items:
        if number := _HOSTILE.fullmatch(item.path.name):
            item.add_marker(pytest.mark.hostile(int(number[1])))
    drives = {item.path for item in items if "browser" in item.fixturenames or item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path in drives)
    if (_shared() / "data").is_dir():
        return
    absent = pytest.mark.skip(reason=f"no maps in {_shared()}: set LINLI_SHARED to the folder that holds data/")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(absent)


@pytest.fixture(autouse=True)
def _the_log_ends_with_the_test():
    """Let no test write to the terminal of one before it: the command line points the log at what stood there then."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def shared_maps() -> Path:
    """The folder of real maps; tests that take it carry the mark `shared`."""
    return _shared() / "data"


@dataclass(frozen=True)
class Sum:
    """One line of the proof: what was promised, what was measured, and whether it was kept."""

    promise: str
    wanted: str
    measured: str
    kept: bool


@dataclass
class Hostile:
    """What became of the tests of one number."""

    about: str
    outcomes: Counter = field(default_factory=Counter)

    @property
    def kept(self) -> bool:
        """Whether each of them was run and passed."""
        return set(self.outcomes) == {"passed"}


_HOSTILE = re.compile(r"test_(\d\d)_\w+\.py")
_SUMS = pytest.StashKey[list[Sum]]()
_HOSTILES = pytest.StashKey[dict[int, Hostile]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Note what became of a hostile test, for its line in the proof."""
    report = yield
    mark = item.get_closest_marker("hostile")
    if mark is not None and (call.when == "call" or not report.passed):
        lines = item.config.stash.setdefault(_HOSTILES, {})
        about = " ".join((item.module.__doc__ or "").split()).partition(": ")[2].partition(". ")[0]
        lines.setdefault(mark.args[0], Hostile(about.rstrip("."))).outcomes[report.outcome] += 1
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """Let a proof fail in which a hostile test was left out: it proves nothing."""
    hostiles = session.config.stash.get(_HOSTILES, {})
    if (
        exitstatus == pytest.ExitCode.OK
        and _is_proof(session.config)
        and not all(one.kept for one in hostiles.values())
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_proof(config) -> bool:
    return "hostile" in config.option.markexpr


@pytest.fixture
def prove(request):
    """Return `prove(promise, wanted=..., measured=..., kept=...)`: it notes the line and fails the test on a miss."""
    sums = request.config.stash.setdefault(_SUMS, [])

    def note(promise: str, *, wanted: object, measured: object, kept: bool) -> None:
        sums.append(Sum(promise, str(wanted), str(measured), kept))
        assert kept, f"{promise}: wanted {wanted}, measured {measured}"

    return note


def pytest_terminal_summary(terminalreporter, config):
    """Print the proof as one table."""
    sums = list(config.stash.get(_SUMS, []))
    for number, one in sorted(config.stash.get(_HOSTILES, {}).items()) if _is_proof(config) else ():
        count = sum(one.outcomes.values())
        sums.append(
            Sum(f"hostile {number:02}: {one.about}", f"{count} tests", f"{one.outcomes['passed']} passed", one.kept)
        )
    if not sums:
        return
    terminalreporter.section("proof")
    wide = max(len(line.promise) for line in sums)
    for line in sums:
        mark = "kept  " if line.kept else "MISSED"
        terminalreporter.write_line(
            f"{mark}  {line.promise:<{wide}}  wanted {line.wanted:<10}  measured {line.measured}"
        )
    missed = sum(not line.kept for line in sums)
    terminalreporter.write_line(f"{len(sums)} promises measured, {missed} missed")
