"""What every test may use: the maps beside the repository, figures for the proof table, and settings of hypothesis."""

import os
from dataclasses import dataclass
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
    """Skip what needs the maps where there are none, and say how to bring them; browsers come last.

    Playwright keeps its event loop open to the end of the run, and no test after it could start a loop of its own.
    """
    items.sort(key=lambda item: "browser" in item.fixturenames or item.get_closest_marker("browser") is not None)
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


_SUMS = pytest.StashKey[list[Sum]]()


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
    sums = config.stash.get(_SUMS, [])
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
