"""The page about putting a node on the net is true: its settings start a node, its unit is one, its link is right."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from real_node import RealNode
from test_tls import made_certificate

PAGE = Path(__file__).resolve().parents[2] / "docs/howto/put-it-on-the-net.md"
#: in tenths, of 100: what `systemd-analyze security` may say of the unit; it calls what is below 20 well guarded
EXPOSURE_MAX = "20"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def configured(text: str, folder: Path) -> Path:
    """Write the page's settings for this machine: its files here, another loopback address for all addresses."""
    made_certificate(folder)
    text = text.replace("/etc/linli", str(folder)).replace('"0.0.0.0"', '"127.0.0.2"')
    file = folder / "linli.toml"
    file.write_text(text, "utf-8")
    return file


def test_a_node_speaks_tls_itself_as_the_page_says(tmp_path: Path) -> None:
    async def story() -> None:
        file = configured(blocks("toml")[0], tmp_path)
        node = RealNode(tmp_path / "node", "--config", str(file), "--set", "trust.sign_in=accounts")
        await node.start()
        try:
            assert node.url.startswith("https://127.0.0.2:")
            context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
            async with httpx.AsyncClient(base_url=node.url, verify=context) as client:
                reply = await client.get(
                    "/sign-in", headers={"host": "linli.example"}, extensions={"sni_hostname": "127.0.0.1"}
                )
            assert reply.status_code == 200
            assert "includeSubDomains" in reply.headers["strict-transport-security"]
        finally:
            await node.stop()

    asyncio.run(story())


def test_a_node_behind_a_proxy_believes_that_proxy_as_the_page_says(tmp_path: Path) -> None:
    async def story() -> None:
        file = configured(blocks("toml")[1], tmp_path)
        node = RealNode(tmp_path / "node", "--config", str(file), "--set", "trust.sign_in=accounts")
        await node.start()
        try:
            said = {"host": "linli.example", "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
            async with httpx.AsyncClient(base_url=node.url) as client:
                reply = await client.get("/?lang=en", headers=said)
            assert reply.status_code == 200
            assert reply.headers["set-cookie"].startswith("__Host-")
            assert reply.headers["strict-transport-security"]
        finally:
            await node.stop()

    asyncio.run(story())


def test_the_nginx_of_the_page_sets_what_the_node_believes() -> None:
    """Each place that leads to the node sets all three; one that is passed on as it came could be made up."""
    (text,) = blocks("nginx")
    places = [place for place in re.findall(r"location [^{]+\{([^}]+)\}", text) if "proxy_pass" in place]
    assert len(places) == 2
    for place in places:
        for header, value in (
            ("Host", "$http_host"),
            ("X-Forwarded-For", "$remote_addr"),
            ("X-Forwarded-Proto", "$scheme"),
        ):
            assert f"proxy_set_header {header} {value};" in place
    assert "proxy_buffering off" in places[1]


def test_the_link_of_the_first_administrator_leads_to_the_name_of_the_node(tmp_path: Path) -> None:
    file = configured(blocks("toml")[0], tmp_path)
    (words,) = re.findall(r"^    linli (init .+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    words = words.replace("/etc/linli/linli.toml", str(file)).replace("/var/lib/linli", str(tmp_path / "data"))
    said = subprocess.run(
        [sys.executable, "-m", "linli", *words.split()], capture_output=True, text=True, timeout=60, check=True
    )
    assert re.search(r"^https://linli\.example/sign-in/invitation#\S{40,}$", said.stdout, re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_the_unit_is_one_and_gives_little_away(tmp_path: Path) -> None:
    (text,) = blocks("ini")
    unit = tmp_path / "linli.service"
    unit.write_text(text.replace("/opt/linli/bin/linli", sys.executable), "utf-8")
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", "--no-pager", str(unit)],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "LANG": "C"},
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Unknown key" not in said.stderr
