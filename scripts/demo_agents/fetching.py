"""Asks the fetch API what it must know of the accounts."""

import re
import time
import urllib.error
import urllib.request
from email.message import Message as Headers

from agentkit.keys import unsigned
from scripts.demo_agents.agents import Agents
from scripts.demo_agents.conversation import UnreachableError
from scripts.demo_agents.steps import Step, Talk

_POSITIVE_MAX_AGE_SECONDS = 86400
_NEGATIVE_MAX_AGE_SECONDS = 60  # "must not stay cached long"
_NOBODY = 0x000003 << 40
# The servers of one's own node are not behind a proxy of the environment.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(url: str, timeout_seconds: float) -> tuple[int, str, Headers]:
    """Sends a GET request. Raises `UnreachableError`."""
    try:
        try:
            response = _opener.open(url, timeout=timeout_seconds)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return response.status, response.read().decode(), response.headers
    except (OSError, ValueError) as error:
        raise UnreachableError(f"no answer from {url}: {error}") from error


def check_health(api_url: str, timeout_seconds: float) -> None:
    """Raises `UnreachableError` unless the web server is healthy."""
    url = f"{api_url}/accounts/healthz"
    status, _, _ = _get(url, timeout_seconds)
    if status != 200:
        raise UnreachableError(f"{url} answers {status}")


def ask_about(
    agents: Agents, step: Step, api_url: str, creditor_id: int, config_data: str | None
) -> Talk:
    """Asks whether an account is reachable, and for its configuration; none: there is none."""
    exists = config_data is not None
    base = f"{api_url}/accounts/{unsigned(agents.debtor.debtor_id)}/{unsigned(creditor_id)}"
    for name, right_status, right_body in (("reachable", 204, ""), ("config", 200, config_data)):
        url = f"{base}/{name}"
        began = time.perf_counter()
        status, body, headers = _get(url, agents.conversation.seconds_max)
        step.took(f"GET {name}", str(status), time.perf_counter() - began)
        step.expect(f"status of {url}", right_status if exists else 404, status)
        age = _max_age_seconds(headers)
        if exists:
            step.expect(f"body of {url}", right_body, body)
            step.expect(f"max-age of {url}", _POSITIVE_MAX_AGE_SECONDS, age)
        elif age > _NEGATIVE_MAX_AGE_SECONDS:
            step.problems.append(f"{url}: a cache may say for {age} s that there is no account")
    yield from ()


def _max_age_seconds(headers: Headers) -> int:
    """How long a cache may give the answer."""
    control = headers.get("Cache-Control", "")
    if "no-store" in control or headers.get("Vary") == "*":
        return 0
    found = re.search(r"max-age=([0-9]+)", control)
    return int(found[1]) if found else 0


def nobodys_id() -> int:
    """A creditor id of an agent that takes no part: no account has it."""
    return _NOBODY + time.time_ns() % (1 << 40)
