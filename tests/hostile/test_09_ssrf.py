"""Hostile test 09: whoever may name a URL tries to reach what lies behind our walls; no connection goes there."""

from __future__ import annotations

import asyncio
import sys
from ipaddress import ip_address

import pytest
from receiver import answer, receiving

from linli.base.errors import BadRequestData, Unreachable
from linli.egress import Egress, Request

ALL = ("http", "https", "mqtt", "mqtts")
PUBLIC = "93.184.216.34"

#: for each test that looks: where this process tried to connect to
_watching: list[list[tuple[str, int]]] = []


def _watch(event: str, details: tuple[object, ...]) -> None:
    """Note every connect of the process, and stop those that would leave the machine."""
    if event != "socket.connect" or not _watching or not isinstance(details[1], tuple):
        return
    host, port = details[1][:2]
    _watching[-1].append((host, port))
    if not ip_address(host).is_loopback:
        raise ConnectionRefusedError(f"{host}: the test lets nothing out")


sys.addaudithook(_watch)


@pytest.fixture
def tried():
    _watching.append([])
    yield _watching[-1]
    _watching.pop()


HOSTILE = {
    "loopback": "http://127.0.0.1/",
    "loopback-elsewhere": "http://127.9.9.9/",
    "metadata": "http://169.254.169.254/latest/meta-data",
    "private-10": "http://10.0.0.1/",
    "private-172": "https://172.16.0.1/",
    "private-192": "https://192.168.1.1/",
    "shared-address-space": "http://100.64.0.1/",
    "this-network": "http://0.0.0.0/",
    "broadcast": "http://255.255.255.255/",
    "multicast": "http://224.0.0.1/",
    "decimal": "http://2130706433/",
    "octal": "http://0177.0.0.1/",
    "hex": "http://0x7f000001/",
    "short": "http://127.1/",
    "full-width-digits": "http://１２７.0.0.1/",
    "ideographic-dot": "http://127。0。0。1/",
    "userinfo": "http://public.example@127.0.0.1/",
    "user-and-password": "http://me:secret@public.example/",
    "backslash": "http://public.example\\@127.0.0.1/",
    "odd-port": "http://public.example:6379/",
    "ipv6-loopback": "http://[::1]/",
    "v4-mapped": "http://[::ffff:127.0.0.1]/",
    "v4-mapped-hex": "http://[::ffff:7f00:1]/",
    "nat64": "http://[64:ff9b::7f00:1]/",
    "6to4": "http://[2002:7f00:1::]/",
    "teredo": "http://[2001:0:7f00:1:0:0:80ff:fffe]/",
    "zone": "http://[fe80::1%25eth0]/",
    "link-local": "http://[fe80::1]/",
    "unique-local": "http://[fd00::1]/",
    "ipv6-multicast": "http://[ff02::1]/",
    "isatap": "http://[2a00::5efe:7f00:1]/",
    "line-break": "http://public.example/\r\nHost: 127.0.0.1",
    "nul": "http://public.example\0.127.0.0.1/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1/",
    "no-host": "http:///path",
    "percent-host": "http://127%2e0.0.1/",
    "trailing-dot": "http://127.0.0.1./",
    "mqtt-inside": "mqtt://127.0.0.1/topic",
}


@pytest.mark.parametrize("form", HOSTILE)
def test_09_a_hostile_url_is_refused_before_anything_is_opened(form, tried):
    async def story():
        resolved = []

        async def resolve(host, port):
            resolved.append(host)
            return ["127.0.0.1"]

        egress = Egress(schemes=ALL, resolve=resolve)
        url = HOSTILE[form]
        with pytest.raises(BadRequestData):
            egress.check(url)
        sending = egress.publish(url, b"x") if url.startswith("mqtt") else egress.send(Request("POST", url))
        with pytest.raises(BadRequestData):
            await sending
        await egress.close()
        assert resolved == []

    asyncio.run(story())
    assert tried == []


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["10.1.2.3", PUBLIC],
        [PUBLIC, "192.168.0.1"],
        ["::1"],
        [PUBLIC, "::ffff:10.0.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        ["169.254.169.254"],
        ["224.0.0.1"],
        [],
    ],
    ids=str,
)
@pytest.mark.parametrize("scheme", ["http", "mqtt"])
def test_09_a_name_that_leads_inside_by_any_of_its_addresses_is_refused(found, scheme, tried):
    async def story():
        async def resolve(_host, _port):
            return found

        egress = Egress(schemes=ALL, resolve=resolve)
        url = f"{scheme}://innocent.example/a"
        with pytest.raises(Unreachable) as refused:
            await (egress.publish(url, b"x") if scheme == "mqtt" else egress.send(Request("POST", url)))
        assert not any(address in refused.value.message for address in found)

    asyncio.run(story())
    assert tried == []


def test_09_a_name_that_changes_its_mind_is_asked_once_and_judged_each_time(tried):
    """Rebinding: the first answer is public, every later one is not."""
    answers = [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]]

    async def story():
        async def resolve(_host, _port):
            return answers.pop(0)

        egress = Egress(schemes=ALL, resolve=resolve)
        for _ in range(2):
            with pytest.raises(Unreachable):
                await egress.send(Request("POST", "http://changing.example/"))

    asyncio.run(story())
    assert tried == [(PUBLIC, 80)]
    assert len(answers) == 1


def test_09_a_redirect_is_never_followed(tried):
    async def story():
        async with receiving() as inside:

            async def elsewhere(_):
                return answer(307, b"", f"Location: {inside.url()}")

            async with receiving(elsewhere) as outside:
                egress = Egress(["127.0.0.1"])
                response = await egress.send(Request("POST", outside.url(), body=b"secret"))
                await egress.close()
                assert response.status == 307
                assert tried == [("127.0.0.1", outside.port)]
            assert inside.connections == 0

    asyncio.run(story())


def test_09_no_proxy_of_the_environment_is_asked(tried, monkeypatch):
    async def story():
        async with receiving() as proxy, receiving() as outside:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url(""))
            egress = Egress(["127.0.0.1"])
            assert (await egress.send(Request("POST", outside.url()))).status == 204
            await egress.close()
            assert proxy.connections == 0

    asyncio.run(story())


def test_09_a_listed_host_is_exempt_by_name_and_port_and_nothing_beside_it(tried):
    async def resolve(_host, _port):
        return ["127.0.0.1"]

    async def story():
        async with receiving() as listed:
            egress = Egress([f"inner.example:{listed.port}"], resolve=resolve)
            assert (await egress.send(Request("POST", f"http://inner.example:{listed.port}/"))).status == 204
            for other in ("http://inner.example/", "http://x.inner.example/"):
                with pytest.raises(Unreachable):
                    await egress.send(Request("POST", other))
            with pytest.raises(BadRequestData):
                egress.check(f"http://127.0.0.1:{listed.port}/")
            assert tried == [("127.0.0.1", listed.port)]
            with pytest.raises(BadRequestData, match="user or a password"):
                egress.check(f"http://me@inner.example:{listed.port}/")
            await egress.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example/a?b=c",
        "https://xn--fiqs8s.example:8443/",
        f"https://{PUBLIC}/",
        "https://[2606:2800:220:1::1]/",
        "https://[64:ff9b::5db8:d822]/",
        "mqtts://me:secret@broker.example/a/b",
    ],
)
def test_09_what_everybody_can_reach_may_be_named(url):
    Egress().check(url)


@pytest.mark.parametrize("url", ["http://receiver.example/", "mqtt://broker.example/a"])
def test_09_an_operator_can_demand_sealed_connections(url):
    with pytest.raises(BadRequestData, match="https, mqtts"):
        Egress(schemes=["https", "mqtts"]).check(url)
    Egress().check(url)
