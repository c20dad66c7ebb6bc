"""Requests to a web server as bytes, right and wrong, and a client that is surprised by nothing."""

import re
import socket
from dataclasses import dataclass, field
from random import Random

_WHATS = ("reachable", "config")
_ODD_WHATS = ("other", "", "reachable/", "config?x=1", "config#x", "REACHABLE")
_ODD_METHODS = (
    *("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "PROPFIND"),
    *("get", "G\x00T", "", "X" * 500, "GET GET", "GÉT", "(GET)"),
)
IDS = ("0", "3", "18446744073709551614", "18446744073709551615", "1099511627778", "9")
_ODD_IDS = (
    *("18446744073709551616", "-1", "+1", "01", "1.0", "1e3", "0x1", "", " 1", "1%20", "%31"),
    *(
        "%00",
        "%",
        "%zz",
        "%ff",
        "%EF%BC%91",
        "\u0661",
        "9" * 5000,
        "..",
        ".",
        "%2e%2e",
        "1%2f2",
        "1;x=2",
    ),
    *("{debtorId}", "' OR 1=1 --", "\\", "\x7f", "\xff", "1\t", "\ud800"),
)
_ODD_VERSIONS = ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.9", "http/1.1", "", "X")
_HEADERS = (
    *("Accept: */*", "Accept: application/json;q=0.5, \xff", "If-None-Match: *", "Range: bytes=0-"),
    *("Content-Length: 0", "Content-Length: 5", "Content-Length: -1", "Content-Length: abc"),
    *("Content-Length: 99999999999999999999", "Transfer-Encoding: chunked", "Expect: 100-continue"),
    *("Transfer-Encoding: identity", "Transfer-Encoding: gzip", "Transfer-Encoding : chunked"),
    *(
        "Connection: upgrade",
        "Upgrade: h2c",
        "Connection: close",
        "Host: other",
        "Host:",
        "no colon",
    ),
    *(": no name", "X-Y: " + "v" * 9000, "X_Y: 1", "X-Y: \x00", "X-Y: a\r\n b", "X Y: 1", "É: 1"),
    *("SCRIPT_NAME: /accounts", "SCRIPT-NAME: /accounts", "PATH_INFO: /x", "REMOTE_USER: root"),
    *(
        "X-Forwarded-Proto: https",
        "X-Forwarded-For: 1.2.3.4",
        "X-Forwarded-Host: \xff",
        "Cookie: a=b",
    ),
    *("X-HTTP-Method-Override: DELETE", "Content-Type: application/json", "Date: never"),
)
_BODIES = (
    "",
    "",
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "zz\r\nx",
    "ffffffffffffffff\r\n",
    "0\r\n\r\n",
)
_STATUS = re.compile(rb"HTTP/1\.[0-9] ([1-5][0-9]{2}) [^\r\n]*\r\n")
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """The status (0: the connection was closed without a word), and how the answer is."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    problem: str = ""


def random_request(rng: Random) -> bytes:
    """A request, mostly with one or two oddities."""
    method = _rarely(rng, 0.15, ("GET",), _ODD_METHODS)
    version = _rarely(rng, 0.05, ("HTTP/1.1",), _ODD_VERSIONS)
    head = f"{method} {_target(rng)} {version}".rstrip(" ")
    headers = ["Host: localhost", "Connection: close"]
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        headers.insert(rng.randrange(len(headers) + 1), rng.choice(_HEADERS))
    if rng.random() < 0.02:
        headers += [f"X-{i}: {i}" for i in range(rng.choice((90, 99, 101, 1000)))]
    text = "\r\n".join([head, *headers, "", _rarely(rng, 0.2, ("",), _BODIES)])
    request = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.05:
        damaged = bytearray(request)
        for _ in range(rng.randrange(1, 5)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        request = bytes(damaged)
    return request[: rng.randrange(len(request))] if rng.random() < 0.03 else request


def _rarely(rng: Random, chance: float, usual: tuple[str, ...], rare: tuple[str, ...]) -> str:
    return rng.choice(rare if rng.random() < chance else usual)


def _target(rng: Random) -> str:
    chance = rng.random()
    if chance < 0.04:
        odd = ("/", "*", "", "//", "/accounts", "/accounts/healthz", "/static/x", "/" + "a" * 9000)
        return rng.choice((*odd, "/accounts/" * 900, "/%00", "/accounts/%2e%2e/healthz", "?", "a"))
    ids = [_rarely(rng, 0.2, IDS, _ODD_IDS) for _ in range(2)]
    path = f"/accounts/{'/'.join(ids)}/{_rarely(rng, 0.1, _WHATS, _ODD_WHATS)}"
    if chance < 0.08:
        path = rng.choice(("//localhost", "http://localhost", "/.", "/x/..", "/%61", "")) + path
    return path


def ask(port: int, request: bytes) -> Answer:
    """Send a request, and read all that comes. The answer's `problem` says what breaks HTTP."""
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has heard enough
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            pass  # what it has not read is thrown away with the connection
    return _read_answer(request, received)


def _read_answer(request: bytes, received: bytes) -> Answer:
    while received.startswith(b"HTTP/1.1 100 "):
        received = received.partition(b"\r\n\r\n")[2]
    if not received:
        return Answer(0)
    found = _STATUS.match(received)
    head, end, body = received.partition(b"\r\n\r\n")
    if found is None or not end:
        return Answer(0, problem=f"no HTTP: {received[:200]!r}")
    lines = head.decode("latin-1").split("\r\n")[1:]
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    answer = Answer(int(found[1]), headers, body)
    length = headers.get("content-length")
    has_body = not request.startswith(b"HEAD ") and answer.status not in (204, 304)
    if has_body and length is not None and len(body) < int(length):
        return Answer(answer.status, headers, body, f"{len(body)} bytes of {length}")
    return answer
