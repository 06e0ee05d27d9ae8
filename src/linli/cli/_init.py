"""`linli init`: the link by which the first administrator of a node makes his account, with a passkey."""

from __future__ import annotations

import argparse

from linli.app import invite_first
from linli.web import ADDRESS

from ._serve import run_loop
from ._start import load_settings
from ._words import made_folder


def run(options: argparse.Namespace) -> int:
    """Print the link. Raises: StartError: there is an administrator already, or a node runs on this folder."""
    settings = load_settings(options)
    data = made_folder(options.data)

    async def invite() -> int:
        secret = await invite_first(data, settings, options.label, again=options.again)
        address = settings[ADDRESS] or f"http://localhost:{settings['web.port']}"
        print(
            "Start the node (linli serve), and open this link within a day. It works once, and makes whoever opens it"
        )
        print("the administrator, with a passkey of the device that he opens it on:")
        print(f"{address.rstrip('/')}/sign-in/invitation#{secret}")
        return 0

    return run_loop(invite())
