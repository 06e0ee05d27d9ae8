"""egress: what it sends, what it takes back, and what it refuses to believe."""

import asyncio
import ssl
import subprocess

import aiomqtt
import pytest
import uvloop
from receiver import Babbler, Receiver, answer, free_port, mosquitto, receiving

from linli.base.errors import BadRequestData, Unreachable
from linli.egress import Egress, Request, check_header

HERE = ["127.0.0.1", "localhost"]


def run(coroutine):
    """Run on the loop that a node runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


async def sent(answers, request_of, egress=None):
    """Send one request to a receiver with these answers; return (answer or error, receiver)."""
    egress = egress or Egress(HERE, total_s=3.0)
    async with receiving(answers) as receiver:
        try:
            outcome = await egress.send(request_of(receiver))
        except Unreachable as error:
            outcome = error
        await egress.close()
        return outcome, receiver


def always(said):
    async def answers(_):
        return said

    return answers


def posted(receiver):
    return Request("POST", receiver.url("/n?a=1"), {"content-type": "application/json"}, b'{"a":1}')


def test_a_request_arrives_whole_and_its_answer_comes_back():
    outcome, receiver = run(sent(always(answer(201, b"made", "X-Said: yes")), posted))
    assert (outcome.status, outcome.body, outcome.headers["x-said"], outcome.cut) == (201, b"made", "yes", False)
    (got,) = receiver.got
    assert (got.method, got.target, got.body) == ("POST", "/n?a=1", b'{"a":1}')
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers.keys() == {"host", "content-type", "content-length"}


def test_a_connection_is_used_again_and_a_dead_one_replaced():
    async def story():
        egress = Egress(HERE)
        async with receiving() as receiver:
            for _ in range(3):
                assert (await egress.send(posted(receiver))).status == 204
            assert receiver.connections == 1
            port = receiver.port
        async with receiving() as other:
            await other.stop()
            await other.start(port)
            assert (await egress.send(posted(other))).status == 204
        await egress.close()

    run(story())


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (b"HTTP/1.1 100 Go on\r\n\r\n" + answer(200, b"then"), 200, b"then"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, b"abcde"),
        (answer(302, b"", "Location: http://127.0.0.1:1/elsewhere"), 302, b""),
        (answer(500, b"no"), 500, b"no"),
    ],
    ids=["continue", "chunked", "redirect-is-only-an-answer", "failure-is-an-answer"],
)
def test_every_form_of_an_answer_is_read(said, status, body):
    outcome, receiver = run(sent(always(said), posted))
    assert (outcome.status, outcome.body, len(receiver.got)) == (status, body, 1)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-nothing\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ],
    ids=["not-http", "bad-length", "two-lengths", "many-headers", "long-header", "upgrade"],
)
def test_an_answer_that_makes_no_sense_is_refused(said):
    outcome, _ = run(sent(always(said), posted))
    assert isinstance(outcome, Unreachable)


def test_a_long_answer_is_cut_and_its_connection_dropped():
    outcome, _ = run(sent(always(answer(200, b"x" * 1_000_000)), posted))
    assert (outcome.status, len(outcome.body), outcome.cut) == (200, 64 << 10, True)


def test_a_document_that_is_too_long_is_not_taken_at_all():
    async def story():
        egress = Egress(HERE)
        async with receiving(always(answer(200, b"x" * 101))) as receiver:
            assert (await egress.get(receiver.url(), 101)).body == b"x" * 101
            with pytest.raises(Unreachable, match="longer than 100 bytes"):
                await egress.get(receiver.url(), 100)
        await egress.close()

    run(story())


def test_two_answers_to_one_question_end_the_connection():
    async def story():
        egress = Egress(HERE)
        async with receiving(always(answer(200) + answer(200, b"for somebody else"))) as receiver:
            for _ in range(2):
                assert (await egress.send(posted(receiver))).body == b""
            assert receiver.connections == 2
        await egress.close()

    run(story())


def test_who_does_not_answer_is_left_in_time():
    outcome, receiver = run(sent(always(None), posted, Egress(HERE, total_s=0.2)))
    assert isinstance(outcome, Unreachable)
    assert len(receiver.got) == 1


def test_a_caller_can_ask_for_less_patience_but_not_for_more():
    def hurried(receiver):
        return Request("POST", receiver.url(), timeout_s=0.1)

    def patient(receiver):
        return Request("POST", receiver.url(), timeout_s=3600.0)

    for request_of, egress in ((hurried, Egress(HERE, total_s=3600.0)), (patient, Egress(HERE, total_s=0.1))):
        outcome, _ = run(sent(always(None), request_of, egress))
        assert outcome.message == "The answer took too long."


def test_a_closed_port_is_said_so():
    async def story():
        with pytest.raises(Unreachable, match="refused"):
            await Egress(HERE).send(Request("GET", f"http://127.0.0.1:{free_port()}/"))

    run(story())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "one\r\nX-B: two"),
        ("X-A", "nul\0"),
        ("X A", "b"),
        ("", "b"),
        ("X:A", "b"),
        ("Host", "elsewhere.example"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
    ],
)
def test_a_header_cannot_break_out_of_its_line(name, value):
    with pytest.raises(BadRequestData):
        check_header(name, value)


def test_one_target_gets_at_most_eight_connections_and_all_its_requests():
    async def story():
        egress = Egress(HERE)
        async with receiving() as receiver:
            answers = await asyncio.gather(*(egress.send(posted(receiver)) for _ in range(100)))
            assert {one.status for one in answers} == {204}
            assert len(receiver.got) == 100
            assert receiver.connections <= 8
        await egress.close()

    run(story())


@pytest.mark.parametrize("version", ["3.1.1", "5.0"])
def test_a_message_reaches_a_real_mqtt_broker_with_every_quality_of_service(version, tmp_path):
    async def story():
        egress = Egress(HERE)
        async with mosquitto(tmp_path) as port, aiomqtt.Client("127.0.0.1", port) as listener:
            await listener.subscribe("gate/#", qos=2)
            for qos in (0, 1, 2):
                payload = b"%d" % qos * 300
                await egress.publish(f"mqtt://127.0.0.1:{port}/gate/a%20b", payload, qos=qos, version=version)
                message = await asyncio.wait_for(anext(aiter(listener.messages)), 10)
                assert (str(message.topic), message.payload, message.qos) == ("gate/a b", payload, qos)
            await egress.close()

    run(story())


def test_an_mqtt_broker_that_wants_a_password_gets_it_from_the_url(tmp_path):
    async def story():
        egress = Egress(HERE)
        async with mosquitto(tmp_path, user="me", password="a:b@c") as port:
            await egress.publish(f"mqtt://me:a%3Ab%40c@127.0.0.1:{port}/x", b"1", qos=1)
            for user in ("", "me@", "me:wrong@"):
                with pytest.raises(Unreachable):
                    await egress.publish(f"mqtt://{user}127.0.0.1:{port}/x", b"1", qos=1)
        await egress.close()

    run(story())


def test_many_messages_share_one_mqtt_connection_and_none_is_lost(tmp_path):
    async def story():
        egress = Egress(HERE)
        async with mosquitto(tmp_path) as port, aiomqtt.Client("127.0.0.1", port) as listener:
            await listener.subscribe("many", qos=1)
            url = f"mqtt://127.0.0.1:{port}/many"
            await asyncio.gather(*(egress.publish(url, b"%d" % n, qos=1) for n in range(15)))
            messages = aiter(listener.messages)
            got = [int((await asyncio.wait_for(anext(messages), 10)).payload) for _ in range(15)]
            assert sorted(got) == list(range(15))
        await egress.close()

    run(story())


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad\r\n\r\n", b"\x20\x02\x00\x05", b"\x20\xff\xff\xff\xff\x01", b"\x20\x00", b"\x40\x00"]
)
def test_who_is_no_mqtt_broker_is_refused(said):
    async def story():
        babbler = await Babbler(said).start()
        egress = Egress(HERE, total_s=2.0)
        with pytest.raises(Unreachable):
            await egress.publish(f"mqtt://127.0.0.1:{babbler.port}/x", b"1", qos=1)
        await egress.close()
        await babbler.stop()

    run(story())


@pytest.mark.parametrize("path", ["", "/", "/a/+", "/a/%23", "/%00", "/%ff"])
def test_a_topic_is_named_and_has_no_wildcards(path):
    with pytest.raises(BadRequestData):
        Egress(HERE).check(f"mqtt://127.0.0.1:1883{path}")


def certified(folder, name):
    """Return (server context that notes the names asked for, notes, file of the authority) for a made-up name."""
    key, file = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    asked = []
    context.sni_callback = lambda _socket, said, _context: asked.append(said)
    return context, asked, str(file)


def test_a_sealed_connection_goes_to_the_resolved_address_under_the_name_of_the_url(tmp_path):
    context, asked, authority = certified(tmp_path, "receiver.example")

    async def resolve(_host, _port):
        return ["127.0.0.1"]

    async def story():
        receiver = await Receiver().start(tls=context)
        allow = ["receiver.example", "other.example"]
        egress = Egress(allow, ca_file=authority, resolve=resolve)
        url = f"https://receiver.example:{receiver.port}/"
        assert (await egress.send(Request("POST", url))).status == 204
        assert receiver.got[0].headers["host"] == f"receiver.example:{receiver.port}"
        assert asked == ["receiver.example"]
        with pytest.raises(Unreachable):
            await egress.send(Request("POST", f"https://other.example:{receiver.port}/"))
        with pytest.raises(Unreachable):
            await Egress(allow, resolve=resolve).send(Request("POST", url))
        await egress.close()
        await receiver.stop()

    run(story())
