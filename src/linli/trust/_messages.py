"""Short messages to people: a port, and two drivers until a network of telephones is connected (console, mail)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol

from linli.base import Settings, setting
from linli.base.errors import BadSetting
from linli.egress import Egress, Mail, Target, relay_of

BY = setting(
    "messages.by",
    "console",
    "How short messages to telephones go out: console (printed here, for trying out) or mail (through a gateway).",
    ("console", "mail"),
)
RELAY = setting("messages.relay", "", "Mail relay, like smtp://user@mail.example:587 or smtps://user@mail.example.")
PASSWORD_FILE = setting("messages.password_file", "", "File that holds the password for the mail relay.")
SENDER = setting("messages.sender", "", "Mail address from which messages come.")
RECEIVER = setting(
    "messages.receiver", "", "Mail address of the gateway, with {number} for the telephone number's digits."
)


class Messages(Protocol):
    """Carries a few words to a telephone number."""

    async def send(self, phone: str, text: str) -> None:
        """Deliver `text` to an E.164 number. Raises: Unreachable."""
        ...


class ConsoleMessages:
    """Prints messages on the terminal of this node: for trying out and for tests, where nobody has a telephone."""

    async def send(self, phone: str, text: str) -> None:
        """Print the message."""
        print(f"message for {phone}: {text}", file=sys.stderr, flush=True)  # noqa: T201 - this is what it is for


class MailMessages:
    """Hands messages to a gateway that takes them as mail: {number}@gateway, as providers of text messages offer it."""

    def __init__(self, egress: Egress, relay: Target, sender: str, pattern: str) -> None:
        """Send through this relay, from `sender`, to `pattern` with {number} filled in (digits, without the +)."""
        self._egress = egress
        self._relay = relay
        self._sender = sender
        self._pattern = pattern

    async def send(self, phone: str, text: str) -> None:
        """Send the message. Raises: Unreachable."""
        receiver = self._pattern.replace("{number}", phone.lstrip("+"))
        await self._egress.mail(self._relay, Mail(self._sender, receiver, "linli", text))


def messages_of(settings: Settings, egress: Egress) -> Messages:
    """Return the driver that the settings name. Raises: BadSetting: it cannot work so."""
    if settings[BY] == "console":
        return ConsoleMessages()
    if "@" not in settings[SENDER] or "{number}" not in settings[RECEIVER]:
        raise BadSetting(
            "messages.sender, messages.receiver: mail needs an address of its own, and a pattern with {number}."
        )
    relay = relay_of(settings[RELAY], secret_in(settings[PASSWORD_FILE], PASSWORD_FILE))
    return MailMessages(egress, relay, settings[SENDER], settings[RECEIVER])


def secret_in(file: str, name: str) -> str:
    """Return the secret that a file holds; "" when none is named. Raises: BadSetting: it cannot be read."""
    if not file:
        return ""
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{name} = {file}: cannot be read.") from error
