"""What can go wrong on this side of the line."""

from __future__ import annotations

from linli.base import read_json
from linli.base.errors import LinliError

DETAIL_LENGTH_MAX = 500


class ClientProblem(Exception):
    """The node answered, and the answer was no: its status, the code of its problem type, and its words."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        """Keep the node's answer."""
        self.status = status
        self.code = code
        self.detail = detail
        super().__init__(f"{status} {code}: {detail}")

    @classmethod
    def of(cls, status: int, body: bytes) -> ClientProblem:
        """Read problem details (RFC 9457); a body of any other form still makes a problem with its status."""
        try:
            problem = read_json(body)
        except LinliError:
            problem = None
        kind = {404: NotFound, 409: AlreadyThere}.get(status, cls)
        if not isinstance(problem, dict):
            return kind(status, "Unreadable", body[:DETAIL_LENGTH_MAX].decode("utf-8", "replace"))
        code = str(problem.get("type", "")).rstrip("/").rsplit("/", 1)[-1]
        return kind(status, code or "Unnamed", str(problem.get("detail") or problem.get("title") or ""))


class NotFound(ClientProblem):
    """What was asked for is not there (404), or is hidden from this asker."""


class AlreadyThere(ClientProblem):
    """The id is taken, or others were faster (409)."""


class NodeUnreachable(Exception):
    """No answer came: the node is not there, or it broke off."""
