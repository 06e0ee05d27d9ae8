"""cli: the command `linli`: serve, init, demo, check, vocab, circle, doctor, settings, db, audit, pack, person, trust.

Every error ends in one line with a way out.

`main` reads the words, loads the settings and calls one module a command. It builds nothing itself: app.py does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from linli.base.errors import LinliError

from ._parser import parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(arguments)
    options.arguments = arguments
    try:
        return int(options.run(options))
    except LinliError as error:
        print(f"linli: {error.message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


__all__ = ["main"]
