"""A real web server on a real database, by its own document and against HTTP."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import yaml

from agentkit.authority import WEBSERVER, Authority
from agentkit.processes import ROOT
from benchmarks.memory import read_memory
from verification.fuzzing.checking import Finding
from verification.fuzzing.documents import CREDITORS, DEBTORS, NOW
from verification.fuzzing.http_requests import IDS, Answer, ask, random_request
from verification.fuzzing.place import Place, own_shard

REQUESTS_COUNT = 2000
GROWTH_MIB_MAX = 32
# What a server says that does not know such a transfer coding, or such a version.
_HONEST = {501, 505}
_CLOSE = "Connection: close\r\n\r\n"
CONFIG_DATA = '{"type":"RootConfigData","rate":5.5,"x":"Ünïcode ✓"}'


class Web:
    """A web server, some accounts, and what was seen of them."""

    def __init__(self, place: Place, authority: Authority) -> None:
        self.authority = authority
        self.statuses: Counter[int] = Counter()
        self._place = place
        self._digest = place.digest()
        self._pids = self._processes()
        self._memory = self._memory_mib()

    def _processes(self) -> list[int]:
        process = self.authority.services[WEBSERVER].process
        assert process is not None
        found = [process.pid]
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            if int(fields[1]) == process.pid:
                found.append(int(status.parent.name))
        return sorted(found)

    def _memory_mib(self) -> float:
        return max(read_memory(pid).resident for pid in self._pids)

    def ask(self, request: bytes) -> Answer:
        """Send a request. Raises `Finding` for an answer that no client should get."""
        answer = ask(self.authority.port, request)
        self.statuses[answer.status] += 1
        wrong = answer.problem or (answer.status >= 500 and answer.status not in _HONEST)
        if wrong:
            raise Finding(f"{answer} to {request!r:.3000}")
        return answer

    def growth_mib(self) -> float:
        return self._memory_mib() - self._memory

    def check(self) -> None:
        """Nothing has changed: the processes, the tables, the log. Raises `Finding`."""
        answer = self.ask(b"GET /accounts/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        problems = {
            "it does not answer": answer.status != 200,
            "a process has ended": self._processes() != self._pids,
            "a table has changed": self._place.digest() != self._digest,
            "there is an error in the log": "Traceback" in self.authority.log(WEBSERVER),
            f"it has grown by {self.growth_mib():.0f} MiB": self.growth_mib() > GROWTH_MIB_MAX,
        }
        found = [what for what, is_so in problems.items() if is_so]
        if found:
            raise Finding(f"{found}\n{self.authority.log(WEBSERVER)[-3000:]}")


@contextmanager
def made_web() -> Iterator[Web]:
    """A web server with accounts."""
    with own_shard() as place, tempfile.TemporaryDirectory() as folder:
        for debtor_id in DEBTORS:
            for creditor_id in CREDITORS[:5]:
                place.shard.receive(
                    {
                        "type": "ConfigureAccount",
                        "debtor_id": debtor_id,
                        "creditor_id": creditor_id,
                        "negligible_amount": 0.0,
                        "config_flags": int(creditor_id == -2),
                        "config_data": "" if creditor_id else CONFIG_DATA,
                        "ts": NOW,
                        "seqnum": 0,
                    }
                )
        authority = Authority(place.addresses.worker_url, place.addresses.broker_url, Path(folder))
        try:
            authority.start(WEBSERVER)
            yield Web(place, authority)
        finally:
            authority.close()


def run(seed: int) -> str:
    """The requests of a seed. Returns what is to be told. Raises `Finding`."""
    with made_web() as web:
        run_documented(web)
        run_raw(web, Random(seed), REQUESTS_COUNT)
        told = ", ".join(f"{status}: {n}" for status, n in sorted(web.statuses.items()))
        return f"requests by status: {told} (0: closed), memory +{web.growth_mib():.0f} MiB"


def run_raw(web: Web, rng: Random, count: int) -> None:
    """Requests that a client would hardly send."""
    for _ in range(count):
        web.ask(random_request(rng))
    web.check()


def run_documented(web: Web) -> None:
    """The requests of docs/openapi.yaml, with right ids: each answer is one of the document's."""
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text("utf-8"))
    for path, item in document["paths"].items():
        for ids in product(IDS, repeat=path.count("{")):
            target = re.sub(r"\{\w+\}", "{}", path).format(*ids)
            answer = web.ask(f"GET {target} HTTP/1.1\r\nHost: a\r\n{_CLOSE}".encode("latin-1"))
            problem = undocumented(answer, item["get"]["responses"], document["components"])
            if problem:
                raise Finding(f"{problem}: {answer} to {target}")


def undocumented(
    answer: Answer, responses: dict[str, Any], components: dict[str, Any]
) -> str | None:
    """What an answer has that the document does not know, or lacks."""
    response = responses.get(str(answer.status))
    if response is None:
        return f"status {answer.status} is not in the document"
    if "$ref" in response:
        response = components["responses"][response["$ref"].rpartition("/")[2]]
    for name, header in response.get("headers", {}).items():
        if answer.headers.get(name.lower()) != header["schema"]["const"]:
            return f"{name} is {answer.headers.get(name.lower())!r}"
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.body and kind not in response.get("content", {}):
        return f"{kind} is not in the document"
    return None
