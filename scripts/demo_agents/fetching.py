"""Asks the fetch API what it must know of the accounts."""

import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from agentkit.keys import unsigned
from scripts.demo_agents.agents import Agents
from scripts.demo_agents.link import UnreachableError
from scripts.demo_agents.steps import Step, Talk

_POSITIVE_MAX_AGE_SECONDS = 86400
_NEGATIVE_MAX_AGE_SECONDS = 60  # "must not stay cached long"
_NOBODY = 0x000003 << 40
# The servers of one's own node are not behind a proxy of the environment.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class HttpAnswer:
    """The answer to a GET request."""

    status: int
    body: str
    cache_control: str
    vary: str
    took_seconds: float

    @property
    def max_age_seconds(self) -> int:
        """How long a cache may give the answer."""
        never = "no-store" in self.cache_control or self.vary == "*"
        found = re.search(r"max-age=([0-9]+)", self.cache_control)
        return 0 if never or not found else int(found[1])


def get(url: str, timeout_seconds: float) -> HttpAnswer:
    """Sends a GET request. Raises `UnreachableError`."""
    began = time.perf_counter()
    try:
        try:
            response = _opener.open(url, timeout=timeout_seconds)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            body = response.read().decode()
            headers = response.headers
    except (OSError, ValueError) as error:
        raise UnreachableError(f"no answer from {url}: {error}") from error
    return HttpAnswer(
        status=response.status,
        body=body,
        cache_control=headers.get("Cache-Control", ""),
        vary=headers.get("Vary", ""),
        took_seconds=time.perf_counter() - began,
    )


def check_health(api_url: str, timeout_seconds: float) -> None:
    """Raises `UnreachableError` unless the web server is well."""
    url = f"{api_url}/accounts/healthz"
    answer = get(url, timeout_seconds)
    if answer.status != 200:
        raise UnreachableError(f"{url} answers {answer.status}")


def ask_about(
    agents: Agents, step: Step, api_url: str, creditor_id: int, config_data: str | None
) -> Talk:
    """Asks whether an account is reachable, and for its configuration; none: there is none."""
    exists = config_data is not None
    base = f"{api_url}/accounts/{unsigned(agents.debtor.debtor_id)}/{unsigned(creditor_id)}"
    wanted = {"reachable": (204 if exists else 404, ""), "config": (200, config_data)}
    if not exists:
        wanted["config"] = (404, None)
    for name, (status, body) in wanted.items():
        answer = get(f"{base}/{name}", agents.conversation.timeout_seconds)
        step.took(f"GET {name}", str(answer.status), answer.took_seconds)
        step.expect(f"status of {base}/{name}", status, answer.status)
        if exists:
            step.expect(f"body of {base}/{name}", body, answer.body)
            step.expect(
                f"max-age of {base}/{name}", _POSITIVE_MAX_AGE_SECONDS, answer.max_age_seconds
            )
        elif answer.max_age_seconds > _NEGATIVE_MAX_AGE_SECONDS:
            step.problems.append(
                f"{base}/{name}: a cache may say for {answer.max_age_seconds} s that there is no"
                " account"
            )
    yield from ()


def nobodys_id() -> int:
    """A creditor id of an agent that takes no part: no account has it."""
    return _NOBODY + time.time_ns() % (1 << 40)
