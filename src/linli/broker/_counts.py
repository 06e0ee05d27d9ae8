"""What is counted of a subscription: how often it was told, when, with what outcome, and up to where in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from linli.base import to_wire_time

KIND = "subscription-state"


@dataclass(slots=True)
class Counts:
    """The counters of one subscription. `seq`: every row of the log up to it was told, where it was to be told."""

    seq: int = 0
    sent: int = 0
    failed: int = 0
    last_us: int | None = None
    success_us: int | None = None
    failure_us: int | None = None

    @classmethod
    def of(cls, doc: bytes) -> Counts:
        """Read what a record keeps."""
        return cls(**orjson.loads(doc))

    def kept(self) -> bytes:
        """Return what a record keeps."""
        return orjson.dumps(self)

    def note_sent(self, at_us: int) -> None:
        """Count one more that is being sent."""
        self.sent += 1
        self.last_us = at_us

    def note_success(self, at_us: int) -> None:
        """Note that it arrived."""
        self.success_us = at_us

    def note_failure(self, at_us: int) -> None:
        """Count one more that did not arrive."""
        self.failed += 1
        self.failure_us = at_us

    def shown(self) -> dict[str, Any]:
        """Return the members of `notification` that say so; nothing before the first use."""
        if not self.sent:
            return {}
        times = {"lastNotification": self.last_us, "lastSuccess": self.success_us, "lastFailure": self.failure_us}
        failed_last = (self.failure_us or 0) > (self.success_us or 0)
        done = self.success_us is not None or self.failure_us is not None
        return {
            **({"status": "failed" if failed_last else "ok"} if done else {}),
            "timesSent": self.sent,
            **({"timesFailed": self.failed} if self.failed else {}),
            **{name: to_wire_time(at_us) for name, at_us in times.items() if at_us is not None},
        }
