"""Mail: handed to a relay that runs in the test, sealed where it leaves the machine, and never split into two messages."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ssl
from collections.abc import Awaitable, Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from linli.base import Settings
from linli.base.errors import BadSetting, Unreachable
from linli.egress import Egress, Mail, relay_of
from linli.trust import messages_of

MAIL = Mail("node@linli.example", "8613800001111@sms.example", "linli", "验证码 123456\n.\n..end")


class Relay:
    """A relay: takes one message a connection, and remembers what was said to it."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, refuses: str = "") -> None:
        self.said: list[str] = []
        self.mail = b""
        self.sealed = False
        self._tls = tls
        self._refuses = refuses

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay\r\n")
        try:
            while line := await reader.readline():
                word = line.decode().rstrip("\r\n")
                self.said.append(word)
                verb = word.split(" ")[0]
                if verb == self._refuses:
                    writer.write(b"550 no\r\n")
                elif verb == "EHLO":
                    writer.write(b"250-relay\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n" if self._tls else b"250 relay\r\n")
                elif verb == "STARTTLS":
                    writer.write(b"220 go\r\n")
                    await writer.start_tls(self._tls)
                    self.sealed = True
                elif verb == "AUTH":
                    writer.write(b"235 yes\r\n")
                elif verb == "DATA":
                    writer.write(b"354 go\r\n")
                    self.mail = await reader.readuntil(b"\r\n.\r\n")
                    writer.write(b"250 taken\r\n")
                elif verb == "QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    writer.write(b"250 yes\r\n")
        finally:
            writer.close()


def served(relay: Relay, story: Callable[[int], Awaitable[None]]) -> None:
    async def run() -> None:
        server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
        async with server:
            await story(server.sockets[0].getsockname()[1])

    asyncio.run(run())


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of localhost, and the context of a server that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    forms = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret.write_bytes(key.private_bytes(*forms))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    return file, context


def test_a_message_arrives_whole_in_chinese_and_with_its_lonely_dots() -> None:
    relay = Relay()

    async def story(port: int) -> None:
        await Egress().mail(relay_of(f"smtp://localhost:{port}"), MAIL)

    served(relay, story)
    assert relay.said[1:4] == ["MAIL FROM:<node@linli.example>", "RCPT TO:<8613800001111@sms.example>", "DATA"]
    plain = relay.mail.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
    message = message_from_bytes(plain, policy=policy.default)
    assert (message["To"], message["Subject"]) == (MAIL.receiver, "linli")
    assert message.get_content().replace("\r\n", "\n") == MAIL.text + "\n"


def test_a_password_goes_over_tls_only_and_the_certificate_must_be_the_relay_s(certificate) -> None:
    file, context = certificate
    relay = Relay(tls=context)

    async def story(port: int) -> None:
        target = relay_of(f"smtp://mail%40linli@localhost:{port}", "a secret")
        with pytest.raises(Unreachable):
            await Egress().mail(target, MAIL)  # nobody on this machine vouches for that certificate
        await Egress(ca_file=str(file)).mail(target, MAIL)

    served(relay, story)
    assert relay.sealed
    proof = next(one for one in relay.said if one.startswith("AUTH"))
    assert base64.b64decode(proof.split()[-1]) == b"\0mail@linli\0a secret"
    bare = Relay()

    async def in_clear(port: int) -> None:
        with pytest.raises(Unreachable, match="TLS"):
            await Egress().mail(relay_of(f"smtp://mail@localhost:{port}", "a secret"), MAIL)

    served(bare, in_clear)
    assert [one for one in bare.said if "AUTH" in one] == []


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_a_relay_that_refuses_is_told_of_and_gets_no_message(verb: str) -> None:
    relay = Relay(refuses=verb)

    async def story(port: int) -> None:
        with pytest.raises(Unreachable, match="refused"):
            await Egress().mail(relay_of(f"smtp://localhost:{port}"), MAIL)

    served(relay, story)
    assert relay.mail == b""


@pytest.mark.parametrize("receiver", ["a@b\r\nRCPT TO:<evil@example>", "a@b\nBcc: evil@example"])
def test_an_address_of_two_lines_is_no_address(receiver: str) -> None:
    relay = Relay()

    async def story(port: int) -> None:
        with pytest.raises(Unreachable):
            await Egress().mail(relay_of(f"smtp://localhost:{port}"), Mail("a@b", receiver, "linli", "x"))

    served(relay, story)
    assert [one for one in relay.said if "evil" in one] == []


@pytest.mark.parametrize("url", ["", "mail.example", "http://mail.example", "smtp://", "smtp://mail.example:x"])
def test_a_relay_that_cannot_be_read_is_said_so_at_the_start(url: str) -> None:
    with pytest.raises(BadSetting, match=r"messages\.relay"):
        relay_of(url)


def test_messages_to_telephones_go_to_the_gateway_under_their_number(tmp_path: Path) -> None:
    relay = Relay()

    async def story(port: int) -> None:
        settings = Settings(
            {
                "messages.by": "mail",
                "messages.relay": f"smtp://127.0.0.1:{port}",
                "messages.sender": "node@linli.example",
                "messages.receiver": "{number}@sms.example",
            }
        )
        await messages_of(settings, Egress()).send("+8613800001111", "hello")

    served(relay, story)
    assert "RCPT TO:<8613800001111@sms.example>" in relay.said
    with pytest.raises(BadSetting, match="messages"):
        messages_of(Settings({"messages.by": "mail"}), Egress())
    with pytest.raises(BadSetting, match="password_file"):
        messages_of(
            Settings(
                {
                    "messages.by": "mail",
                    "messages.relay": "smtp://127.0.0.1",
                    "messages.sender": "a@b",
                    "messages.receiver": "{number}@b",
                    "messages.password_file": str(tmp_path / "none"),
                }
            ),
            Egress(),
        )
