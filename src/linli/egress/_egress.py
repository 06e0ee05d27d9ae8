"""The door itself: rules, dialling, HTTP and MQTT joined."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from linli.base import setting
from linli.base.errors import BadRequestData, Unreachable

from ._dialling import Dialler, Resolve
from ._http import Pool, Request, Response
from ._mail import Mail, Relay
from ._mqtt import MqttLines, MqttVersion, topic_of
from ._targets import Rules, Target

ALLOW = setting(
    "egress.allow",
    [],
    'Hosts (host or host:port) to which every scheme, port and address is allowed, as a list: ["127.0.0.1"].',
)
SCHEMES = setting(
    "egress.schemes",
    ["http", "https", "mqtt", "mqtts"],
    "Schemes that a URL may have; leave out http and mqtt to demand sealed connections.",
)
CONNECT_S = setting("egress.connect_s", 2.0, "How long opening a connection may take, in seconds.")
TOTAL_S = setting("egress.total_s", 5.0, "How long a whole exchange with the other side may take, in seconds.")
CA_FILE = setting("egress.ca_file", "", "Certificate authorities to trust, a PEM file; empty means the machine's own.")


class Egress:
    """Opens outgoing connections, under the rules."""

    def __init__(
        self,
        allow: Sequence[str] = (),
        *,
        schemes: Sequence[str] = ("http", "https", "mqtt", "mqtts"),
        connect_s: float = 2.0,
        total_s: float = 5.0,
        ca_file: str = "",
        resolve: Resolve | None = None,
    ) -> None:
        """Exempt the hosts in `allow`; see the settings for the rest. `resolve`: another resolver than the machine's."""
        self._rules = Rules(allow, schemes)
        self._total_s = total_s
        dialler = Dialler(connect_s, ca_file, resolve)
        self._pool = Pool(dialler)
        self._mqtt = MqttLines(dialler)
        self._relay = Relay(dialler, total_s)

    def check(self, url: str) -> None:
        """Hold a URL against all rules that need no DNS. Raises: BadRequestData: with the rule that it breaks."""
        target = self._rules.target(url)
        if target.scheme.startswith("mqtt"):
            topic_of(target)

    def origin(self, url: str) -> tuple[str, str, int]:
        """Return (scheme, host, port) of a URL: whatever shares it, works or fails together. Raises: BadRequestData."""
        return self._rules.target(url).origin

    async def send(self, request: Request) -> Response:
        """Return the answer to an HTTP request. Raises: BadRequestData: the URL; Unreachable: everything else."""
        target = self._http(request.url)
        return await self._pool.ask(target, request, min(request.timeout_s or self._total_s, self._total_s))

    async def get(self, url: str, bytes_max: int, headers: Mapping[str, str] | None = None) -> Response:
        """Return a document whole. Raises: BadRequestData; Unreachable: also when it is longer than `bytes_max`."""
        response = await self.send(Request("GET", url, headers or {}, bytes_max=bytes_max))
        if response.cut:
            raise Unreachable(f"The document is longer than {bytes_max} bytes.")
        return response

    async def publish(
        self,
        url: str,
        payload: bytes,
        *,
        qos: int = 0,
        version: MqttVersion = "5.0",
        timeout_s: float | None = None,
    ) -> None:
        """Deliver a message to the topic that the URL's path names. Raises: BadRequestData, Unreachable."""
        target = self._rules.target(url)
        if not target.scheme.startswith("mqtt"):
            raise BadRequestData("The URL must begin with mqtt or mqtts.")
        await self._mqtt.publish(target, payload, qos, version, min(timeout_s or self._total_s, self._total_s))

    async def mail(self, relay: Target, mail: Mail) -> None:
        """Hand a message to the operator's relay. Raises: Unreachable."""
        await self._relay.send(relay, mail)

    async def close(self) -> None:
        """Let go of all connections."""
        self._pool.close()
        self._mqtt.close()
        await asyncio.sleep(0)  # the loop closes sockets in its next turn

    def _http(self, url: str) -> Target:
        target = self._rules.target(url)
        if not target.scheme.startswith("http"):
            raise BadRequestData("The URL must begin with http or https.")
        return target
