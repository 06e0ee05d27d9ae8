"""What every command does first: read the settings, set up the log."""

from __future__ import annotations

import argparse
from pathlib import Path

import linli.app  # noqa: F401 - every room declares its settings at import
from linli.base import Settings, setting
from linli.travel import SNAP_M_MAX, Network

from ._logging import start_logging
from ._words import made_folder

LOG_LEVEL = setting(
    "log.level", "warning", "What is logged: debug, info, warning or error.", ("debug", "info", "warning", "error")
)


def load_settings(options: argparse.Namespace) -> Settings:
    """Return the settings from --set, environment and file, and start logging to standard error."""
    file = options.config or (Path("linli.toml") if Path("linli.toml").exists() else None)
    settings = Settings.load(file, options.set)
    start_logging(settings[LOG_LEVEL])
    return settings


def open_map(file: Path, data: Path, settings: Settings) -> Network:
    """Return the street network of a map file; it is read once and kept in the data folder.

    Raises: BadNetwork: no file, broken, or without streets. StartError: the folder cannot be made.
    """
    return Network.cached(file, made_folder(data), snap_m_max=settings[SNAP_M_MAX])
