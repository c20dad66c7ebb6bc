"""`./dev fuzz web`: a real web server on a real database, by its own document and against HTTP."""

import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from agentkit.authority import WEBSERVER, Authority
from agentkit.processes import ROOT
from tests.fuzzing.checking import Finding
from tests.fuzzing.documents import CREDITORS, DEBTORS, NOW
from tests.fuzzing.http_requests import Answer, ask, random_request
from tests.fuzzing.place import Place, made_place
from tests.fuzzing.running import FOLDER, PYTHON, Budget, memory_bytes

GROWTH_BYTES_MAX = 32 * 2**20
# Of a hundred requests. The number that schemathesis makes of it is its own affair.
_BY_DOCUMENT = 3
_PATHS_COUNT = 3
# What a server says that does not know such a transfer coding, or such a version.
_HONEST = {501, 505}
_HAS_NUMBER = re.compile(r"(\d+) generated")
CONFIG_DATA = '{"type":"RootConfigData","rate":5.5,"x":"Ünïcode ✓"}'


class Web:
    """A web server, some accounts, and what was seen of them."""

    def __init__(self, place: Place, authority: Authority) -> None:
        self.authority = authority
        self.statuses: Counter[int] = Counter()
        self._place = place
        self._digest = place.digest()
        self._pids = self._processes()
        self._memory = self._memory_bytes()

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

    def _memory_bytes(self) -> int:
        return max(memory_bytes(pid) for pid in self._pids)

    def ask(self, request: bytes) -> Answer:
        """Send a request. Raises `Finding` for an answer that no client should get."""
        answer = ask(self.authority.port, request)
        self.statuses[answer.status] += 1
        wrong = answer.problem or (answer.status >= 500 and answer.status not in _HONEST)
        if wrong:
            raise Finding(f"{answer} to {request!r:.3000}")
        return answer

    def growth_bytes(self) -> int:
        return self._memory_bytes() - self._memory

    def check(self) -> None:
        """Nothing has changed: the processes, the tables, the log. Raises `Finding`."""
        answer = self.ask(b"GET /accounts/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        problems = {
            "it does not answer": answer.status != 200,
            "a process has ended": self._processes() != self._pids,
            "a table has changed": self._place.digest() != self._digest,
            "there is an error in the log": "Traceback" in self.authority.log(WEBSERVER),
            f"it has grown by {self.growth_bytes()} bytes": self.growth_bytes() > GROWTH_BYTES_MAX,
        }
        found = [what for what, is_so in problems.items() if is_so]
        if found:
            raise Finding(f"{found}\n{self.authority.log(WEBSERVER)[-3000:]}")


@contextmanager
def made_web() -> Iterator[Web]:
    """A web server with accounts."""
    with made_place(NOW) as place, tempfile.TemporaryDirectory() as folder:
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
        authority = Authority(place.runner_url, place.broker_url, Path(folder))
        try:
            authority.start(WEBSERVER)
            yield Web(place, authority)
        finally:
            authority.close()


def run_raw(budget: Budget, web: Web, count: int) -> None:
    """Requests that a client would hardly send."""
    rng = Random(budget.seed)
    for number in range(count):
        if budget.is_over():
            count = number
            break
        web.ask(random_request(rng))
    web.check()
    told = ", ".join(f"{status}: {n}" for status, n in sorted(web.statuses.items()))
    budget.done(
        "raw requests", count, f"{told} (0: closed), memory +{web.growth_bytes() / 2**20:.0f} MiB"
    )


def run_by_document(budget: Budget, web: Web, count: int) -> None:
    """What schemathesis makes of docs/openapi.yaml."""
    command = [
        *(str(PYTHON.parent / "st"), "run", str(ROOT / "docs" / "openapi.yaml")),
        *("--url", web.authority.web_url),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--no-color"),
        *("--max-examples", str(max(1, count // _PATHS_COUNT)), "--seed", str(budget.seed)),
        *("--generation-database", "none", "--suppress-health-check", "all"),
    ]
    environment = {**os.environ, "NO_PROXY": "*", "PYTHONWARNINGS": "ignore"}
    FOLDER.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        command, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False
    )
    (FOLDER / "schemathesis.log").write_text(result.stdout + result.stderr, encoding="utf-8")
    if result.returncode != 0:
        raise Finding(f"schemathesis: {result.stdout[-4000:]}{result.stderr[-2000:]}")
    numbers = [int(n.replace(",", "")) for n in _HAS_NUMBER.findall(result.stdout)]
    web.check()
    budget.done("by the document (schemathesis)", sum(numbers), "all checks passed")


def run(budget: Budget) -> None:
    """Raises `Finding`."""
    with made_web() as web:
        by_document_count = budget.inputs_count * _BY_DOCUMENT // 100
        run_by_document(budget, web, by_document_count)
        run_raw(budget, web, budget.inputs_count - budget.done_count)
