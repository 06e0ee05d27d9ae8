"""A node with a certificate speaks TLS 1.2 and later and nothing older, and says that it is never to be asked in clear."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from real_node import RealNode


def made_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "made-up node")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


def test_a_node_with_a_certificate_speaks_modern_tls_only(tmp_path: Path) -> None:
    async def ask() -> None:
        certificate, key = made_certificate(tmp_path)
        node = RealNode(tmp_path / "node", "--set", f"web.tls_cert={certificate}", "--set", f"web.tls_key={key}")
        await node.start()
        try:
            assert node.url.startswith("https://")
            context = ssl.create_default_context(cafile=str(certificate))
            async with httpx.AsyncClient(base_url=node.url, verify=context) as client:
                reply = await client.get("/health")
            assert reply.status_code == 200
            assert reply.headers["strict-transport-security"].startswith("max-age=")
            old = ssl.create_default_context(cafile=str(certificate))
            old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            url = httpx.URL(node.url)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(url.host, url.port, ssl=old)
        finally:
            await node.stop()

    with pytest.warns(DeprecationWarning, match=r"TLSv1_1|MINIMUM_SUPPORTED|TLSv1"):
        asyncio.run(ask())


@pytest.mark.parametrize("setting", ["web.tls_cert", "web.tls_key"])
def test_half_a_certificate_is_refused_by_name(tmp_path: Path, setting: str) -> None:
    files = dict(zip(("web.tls_cert", "web.tls_key"), made_certificate(tmp_path), strict=True))
    command = [sys.executable, "-m", "linli", "serve", "--data", str(tmp_path / "node"), "--open", "--port", "0"]
    said = subprocess.run(
        [*command, "--set", f"{setting}={files[setting]}"], capture_output=True, text=True, timeout=60, check=False
    )
    other = next(name for name in files if name != setting)
    assert said.returncode != 0
    assert other in said.stderr
    assert "Traceback" not in said.stderr
