"""Words of the command line that stand for numbers and folders: what is wrong with one is said before anything runs."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from linli.base.errors import BadSetting, StartError

PORT_MAX = 65_535
N = TypeVar("N", int, float)


def whole(*, least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number from `least` to `most`."""

    def read(text: str) -> int:
        number = _read(int, text, "a whole number")
        if number < least or (most is not None and number > most):
            limits = f"must be {least} or more" if most is None else f"must lie between {least} and {most}"
            raise argparse.ArgumentTypeError(f"{limits}, not {text}")
        return number

    return read


def above_zero(text: str) -> float:
    """Read a number above 0."""
    number = _read(float, text, "a number")
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return number


def node_words(parser: argparse.ArgumentParser) -> None:
    """Add the words by which every command says which node it is about."""
    parser.add_argument(
        "--data", type=Path, default=Path("linli-data"), help="folder of the database; default linli-data"
    )
    parser.add_argument("--config", type=Path, help="settings file; default linli.toml where there is one")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one setting")


def made_folder(data: Path) -> Path:
    """Return the folder `--data`, made where it was missing.

    Raises: StartError: it cannot be made, or a file stands there.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file stands in the way" if isinstance(error, FileExistsError | NotADirectoryError) else None
        raise StartError(f"--data {data}: is no folder and cannot be made ({reason or error.strerror}).") from error
    return data


def writable_file(file: Path) -> None:
    """Make sure that `--out` can be written, before hours of work go into what it is to hold.

    Raises: BadSetting: it cannot.
    """
    try:
        with file.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise BadSetting(
            f"--out {file}: cannot be written ({error.strerror}); name a file in another folder."
        ) from error


def _read(form: Callable[[str], N], text: str, what: str) -> N:
    try:
        return form(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be {what}, not {text}") from error
