"""What every command does first: read the settings, set up the log."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import structlog

import linli.app  # noqa: F401 - every room declares its settings at import
from linli.base import Settings, setting, write_json
from linli.travel import SNAP_M_MAX, Network

from ._words import made_folder

LOG_LEVEL = setting(
    "log.level", "warning", "What is logged: debug, info, warning or error.", ("debug", "info", "warning", "error")
)


def load_settings(options: argparse.Namespace) -> Settings:
    """Return the settings from --set, environment and file, and start logging to standard error."""
    file = options.config or (Path("linli.toml") if Path("linli.toml").exists() else None)
    settings = Settings.load(file, options.set)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings[LOG_LEVEL].upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: write_json(_plain(event)).decode()),
        ],
    )
    return settings


def open_map(file: Path, data: Path, settings: Settings) -> Network:
    """Return the street network of a map file; it is read once and kept in the data folder.

    Raises: BadNetwork: no file, broken, or without streets. StartError: the folder cannot be made.
    """
    return Network.cached(file, made_folder(data), snap_m_max=settings[SNAP_M_MAX])


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
