"""All routes about signing in, in one list."""

from __future__ import annotations

from starlette.routing import Route

from ._doors import Doors
from ._front import FrontDesk
from ._pages import STATIC, Assets, Pages
from ._sign_in import SignInPages, Threshold
from ._sign_in_account import AccountPages
from ._sign_in_api import SignInApi, Tokens


def sign_in_routes(doors: Doors) -> list[Route]:
    """Return the routes of the pages, of their scripts, and of programs."""
    threshold = Threshold(doors, doors.codes, Pages(FrontDesk(doors), Assets(STATIC)))
    return [
        *SignInPages(threshold).routes(),
        *AccountPages(threshold).routes(),
        *SignInApi(threshold).routes(),
        *Tokens(doors.asking).routes(),
    ]
