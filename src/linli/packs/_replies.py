"""Golden replies of a pack, `tests/replies.toml`: what people say, which call linli takes it for, and what it answers.

schema = 1
[[reply]]
say = "我摔倒了"
language = "zh"
call = "elder.sos"
urgency = 3
answer = "收到：紧急呼救。15 分钟内到您身边。"
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from ._form import Form


class ReplyForm(Form):
    """One sentence and what follows from it."""

    say: str
    language: Literal["zh", "en"]
    call: str
    urgency: Annotated[int, Meta(ge=0, le=3)]
    answer: str


class RepliesForm(Form):
    """The golden replies of a pack."""

    schema: Literal[1]
    reply: tuple[ReplyForm, ...]


def reply_faults(form: RepliesForm, calls: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with golden replies: (place, what)."""
    for at, reply in enumerate(form.reply):
        if reply.call not in calls:
            yield f"reply[{at}].call", f"{reply.call} is not a call of this pack."
        if not reply.say.strip():
            yield f"reply[{at}].say", "is empty."
