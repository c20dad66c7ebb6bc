"""The console over its port: what strangers get, and clients that mean harm."""

import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from agentkit.authority import Authority
from agentkit.processes import Service, free_port, program_command, run
from agentkit.waiting import wait_until
from tests.console.conftest import served
from tests.console.web import TOKEN, Web

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def same_for_all(answer: requests.Response) -> tuple[object, ...]:
    """All of an answer but its moment."""
    headers = {name: value for name, value in answer.headers.items() if name != "Date"}
    return answer.status_code, headers, answer.content


def test_strangers_learn_nothing(web: Web) -> None:
    """The same answer, whatever they ask for, and by which method."""
    expected = same_for_all(web.get("/"))
    assert expected[0] == 401
    paths = [
        *("/nowhere", "/settings", "/debtor/1", "/debtor/x", "/account/1/2/", "/search?q=1"),
        *("/static/console.js", "/static/../x", "/static", "//debtor/1", "/sign-in", "/%00"),
        *("/dead-letters/0/replay", "/sign-out", "/accounts/healthz", "/docs/README.md"),
    ]
    for path in paths:
        assert same_for_all(web.get(path)) == expected, path
        if path != "/sign-in":
            answer = requests.post(web.url + path, data={"form_token": "x"}, timeout=30)
            assert same_for_all(answer) == expected, path
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"):
        answer = requests.request(method, web.url + "/settings", timeout=30)
        assert same_for_all(answer) == expected, method
    too_long = requests.post(web.url + "/sign-in", data={"token": "x" * 50_000}, timeout=30)
    assert same_for_all(too_long) == expected


def test_who_tries_in_vain_is_told_what_failed(web: Web) -> None:
    wrong = same_for_all(requests.post(web.url + "/sign-in", data={}, timeout=30))
    assert wrong[0] == 401
    assert b"The token is wrong." in requests.post(web.url + "/sign-in", timeout=30).content
    for token in ("", "x", TOKEN[:-1], TOKEN + "x", "é", "x" * 5000):
        answer = requests.post(web.url + "/sign-in", data={"token": token}, timeout=30)
        assert same_for_all(answer) == wrong, token
        headers = {"Authorization": f"Bearer {token[:100]}".encode()}
        assert same_for_all(requests.get(web.url, headers=headers, timeout=30)) == wrong
    cookies = {"swpt_console": sign_in(web).cookies["swpt_console"] + "x"}
    assert "The session has ended." in requests.get(web.url, cookies=cookies, timeout=30).text
    assert "wrong" not in web.get("/").text


def test_the_page_for_strangers_names_nothing(web: Web) -> None:
    answer = web.get("/")
    style = web.get("/sign-in.css")
    assert style.status_code == 200
    for text in (answer.text, style.text, str(answer.headers), str(style.headers)):
        assert not re.search(
            r"swpt|account|gunicorn|werkzeug|flask|python|\d+\.\d+\.\d+", text, re.I
        )


@pytest.mark.parametrize("path", ["/", "/settings", "/nowhere", "/static/console.css", "/search"])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_headers(web: Web, path: str, token: str | None) -> None:
    headers = web.get(path, token=token).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Server"] == "console"
    assert "Access-Control-Allow-Origin" not in headers


def sign_in(web: Web, **headers: str) -> requests.Response:
    data, all_headers = {"token": TOKEN}, {"Origin": web.url, **headers}
    return requests.post(
        f"{web.url}/sign-in", data=data, headers=all_headers, timeout=30, allow_redirects=False
    )


def test_signing_in_and_out(web: Web) -> None:
    answer = sign_in(web)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert "Secure" in sign_in(web, **{"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]
    assert TOKEN not in cookie

    with requests.Session() as session:
        session.cookies.update(answer.cookies)
        page = session.get(f"{web.url}/settings", timeout=30)
        assert page.status_code == 200
        assert session.post(f"{web.url}/sign-out", timeout=30).status_code == 403
        found = re.search(r'name="form_token" value="([^"]+)"', page.text)
        assert found
        gone = session.post(f"{web.url}/sign-out", data={"form_token": found[1]}, timeout=30)
        assert gone.status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_nobody_is_signed_in_by_another_site(web: Web, headers: dict[str, str]) -> None:
    answer = sign_in(web, **headers)
    assert answer.status_code == 401
    assert "A page of another site has sent this form." in answer.text


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
    ids=["header", "line", "headers", "smuggling", "tls", "version"],
)
def test_what_is_no_request_is_refused(web: Web, request_bytes: bytes) -> None:
    received = web.raw(request_bytes + b"\r\n\r\n")
    assert received == b"" or received.startswith(b"HTTP/1.1 4") or b" 505 " in received[:20]
    assert b"gunicorn" not in received.lower()
    assert web.get("/").status_code == 401


def test_two_headers_where_one_counts_are_refused(
    idle_authority: Authority, console_environment: dict[str, str]
) -> None:
    """One may be the client's, to which a proxy has added its own."""

    def code(*headers: str) -> bytes:
        lines = ("GET /settings HTTP/1.1", "Host: x", "Connection: close", *headers, "", "")
        return web.raw("\r\n".join(lines).encode())[9:12]

    with served(idle_authority, {**console_environment, "CONSOLE_USER_HEADER": "X-User"}) as web:
        assert code("X-User: ann") == b"200"
        assert code("X-User: mallory", "X-User: ann") == b"400"
        assert code("x-user: ann", "X-USER: ann") == b"400"
        bearer = f"Authorization: Bearer {TOKEN}"
        assert code(bearer) == b"200"
        assert code(bearer, bearer) == b"400"
        assert code("Accept: text/html", "Accept: text/plain") == b"401"
        assert "Traceback" not in web.service.log


def test_headers_cannot_be_injected(web: Web) -> None:
    for path in ("/search?q=1/2%0d%0aSet-Cookie:x=y", "/search?q=swpt:1/2%0d%0aX-Evil:%201"):
        answer = web.get(path, token=TOKEN)
        assert "X-Evil" not in answer.headers
        assert "Set-Cookie" not in answer.headers


def test_a_redirect_leads_nowhere_else(web: Web) -> None:
    for text in ("//evil.example/debtors/1/", "https://evil.example/accounts/1/2/config"):
        answer = requests.get(
            f"{web.url}/search",
            params={"q": text},
            headers={"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"},
            timeout=30,
            allow_redirects=False,
        )
        assert not re.match(r"(\w+:)?//", answer.headers.get("Location", "/"))


def test_many_at_once(web: Web) -> None:
    paths = ["/", "/last-hour", "/currencies", "/debtor/1", "/account/1/2", "/scans"] * 10
    with ThreadPoolExecutor(20) as pool:
        codes = set(pool.map(lambda path: web.get(path, token=TOKEN).status_code, paths))
    assert codes == {200}


def test_the_log_names_no_secret(web: Web) -> None:
    web.get("/", token="wrong-" + TOKEN)
    assert TOKEN not in web.service.log


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "set CONSOLE_TOKEN or CONSOLE_USER_HEADER"),
        ({"CONSOLE_TOKEN": "short-secret"}, "CONSOLE_TOKEN is '***', but must be"),
        (
            {"CONSOLE_TOKEN": "x" * 20, "CONSOLE_ACTIONS_TOKEN": "x" * 20},
            "CONSOLE_ACTIONS_TOKEN is '***', but must be",
        ),
        (
            {"CONSOLE_USER_HEADER": "X-User", "CONSOLE_PROXY_ADDRESSES": "10.0.0.0/99"},
            "CONSOLE_PROXY_ADDRESSES is '10.0.0.0/99', but must be",
        ),
        ({"CONSOLE_USER_HEADER": "X User"}, "CONSOLE_USER_HEADER is 'X User', but must be"),
        ({"CONSOLE_ADDRESS": "everywhere"}, "CONSOLE_ADDRESS is 'everywhere', but must be an IP"),
    ],
)
def test_it_does_not_start_with_wrong_settings(
    idle_authority: Authority, settings: dict[str, str], said: str
) -> None:
    done = run(program_command("console"), {**idle_authority.environment, **settings})
    assert done.returncode == 1
    assert said in done.stdout
    assert "secret" not in done.stdout
    assert "Traceback" not in done.stdout


def test_it_stops_soon(idle_authority: Authority, console_environment: dict[str, str]) -> None:
    port = free_port()
    service = Service("console2", program_command("console"), idle_authority.folder / "2.log")
    service.start({**os.environ, **console_environment, "CONSOLE_PORT": str(port)})
    web = Web(port, service)
    wait_until(web.answers, what="the console to answer")
    # It listens where nobody from elsewhere comes, not at all addresses.
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port)):
        pass
    with web.connect():
        code, _ = service.terminate()
    assert code == 0
