"""Who this broker is to other brokers: an alias that stays the same for ever, one for each tenant."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from linli.base import SECOND_US, to_wire_time
from linli.store import PutRecord
from linli.trust import Act, Principal

from ._ground import TENANT, Ground, Lost

_KIND, _ID = "identity", "here"
_ITSELF = Act(Principal("engine:broker", "engine", ("/",)), "operation")


class IdentityDoor(Ground):
    """Says who this broker is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Stand on the same ground, and remember when."""
        super().__init__(*args, **kwargs)
        self._since_us = self._clock.now_us()
        self._alias = ""

    async def alias(self, tenant: str) -> str:
        """Return under which name this broker stands in a Via header: another one for each tenant."""
        if not self._alias:
            self._alias = await self._own_alias()
        if tenant == TENANT:
            return self._alias
        return f"{self._alias}-{hashlib.blake2b(tenant.encode(), digest_size=6).hexdigest()}"

    async def identity(self, tenant: str) -> dict[str, Any]:
        """Return what other brokers are told: alias, how long it has been up, and its time."""
        alias = await self.alias(tenant)
        now_us = self._clock.now_us()
        return {
            "id": f"urn:ngsi-ld:ContextSourceIdentity:{alias}",
            "type": "ContextSourceIdentity",
            "contextSourceAlias": alias,
            "contextSourceUptime": f"PT{(now_us - self._since_us) // SECOND_US}S",
            "contextSourceTimeAt": to_wire_time(now_us),
        }

    async def _own_alias(self) -> str:
        """Return the alias that the store keeps; the first who asks makes it."""
        record = await self._store.record(TENANT, _KIND, _ID)
        if record is None:
            made = f"linli-{self.ids.new('Broker', self._clock.now_us())[-12:].lower()}"
            put = PutRecord(_KIND, _ID, orjson.dumps({"alias": made}), expect_version=0, quiet=True)
            try:
                await self._commit(self._change(_ITSELF, records=(put,)))
            except Lost:
                return await self._own_alias()  # another process was faster, and its alias holds
            return made
        return str(orjson.loads(record.doc)["alias"])
