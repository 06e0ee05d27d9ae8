"""What is written down about reading: rows of the audit of their own, on disk before the answer leaves."""

from __future__ import annotations

from linli.trust import Act

from ._ground import Ground


class AuditingDoor(Ground):
    """Writes rows of the audit."""

    async def witnessed(self, act: Act, *rows: bytes) -> None:
        """Commit rows of the audit alone; return when they are durable. Many who read at once share one sync.

        Raises: Busy, StoreFailed: then what should have been witnessed must not be answered.
        """
        if rows:
            await self._commit(self._change(act, audit=rows))
