"""`linli doctor` and `linli settings`: what is wrong with this machine, and what is set where."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from linli.app import store_url
from linli.base import Settings
from linli.base.errors import LinliError
from linli.store import check_store
from linli.web import SIGN_IN

from ._serve import listen
from ._start import load_settings

DISK_MB_MIN = 500


def run(options: argparse.Namespace) -> int:
    """Print one line a finding; the exit code is 1 when something is wrong."""
    settings = load_settings(options)
    sound = True
    for name, trouble in _findings(settings, options.data):
        sound = sound and trouble is None
        print(f"{'ok  ' if trouble is None else 'WRONG'} {name}" + (f": {trouble}" if trouble else ""))
    return 0 if sound else 1


def settings(options: argparse.Namespace) -> int:
    """List all settings: value, source, meaning."""
    loaded = load_settings(options)
    for declared in Settings.declared():
        print(f"{declared.name} = {loaded[declared.name]!r}  [{loaded.source(declared.name)}]")
        print(f"    {declared.text}  Environment: {declared.environment}")
    return 0


def _findings(settings: Settings, data: Path) -> Iterator[tuple[str, str | None]]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield f"Python {version}", None if sys.version_info >= (3, 11) else "3.11 or newer is needed"
    yield f"folder {data}", _trouble_with_folder(data)
    yield "disk", _trouble_with_disk(data)
    yield f"port {settings['web.port']}", _said(lambda: listen(settings, None, settings[SIGN_IN]).close())
    url = store_url(settings, data)
    file = Path(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///"):
        yield "database", _said(lambda: check_store(url))
    elif file.exists():
        yield f"database {file}", _said(lambda: check_store(url))


def _trouble_with_folder(data: Path) -> str | None:
    existing = next(folder for folder in (data.absolute(), *data.absolute().parents) if folder.exists())
    if not existing.is_dir():
        return f"{existing} is a file; name another folder with --data"
    return None if os.access(existing, os.W_OK) else f"no right to write in {existing}; name another with --data"


def _trouble_with_disk(data: Path) -> str | None:
    existing = next(folder for folder in (data.absolute(), *data.absolute().parents) if folder.exists())
    free_mb = shutil.disk_usage(existing).free // 1_000_000
    return None if free_mb >= DISK_MB_MIN else f"only {free_mb} MB free; at least {DISK_MB_MIN} MB are needed"


def _said(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except LinliError as error:
        return error.message
    return None
