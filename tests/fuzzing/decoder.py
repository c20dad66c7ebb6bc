"""`./dev fuzz decoder`: messages, chores and RootConfigData in three ways, and large bodies."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from agentkit.processes import ROOT
from tests.fuzzing import by_schema, large
from tests.fuzzing.checking import TARGETS, Finding, check
from tests.fuzzing.corpus import fill_folder, unpacked
from tests.fuzzing.documents import pairs_of, right_document, wrong_body
from tests.fuzzing.running import FOLDER, PYTHON, Budget, memory_bytes

LARGE_BYTES = 10_000_000
# Of the large bodies, one of so many: it meets all kinds of values, and all that read them.
_LARGE_STEP = 7
# Of a hundred inputs. What hypothesis makes takes thirty times as long.
_GUIDED, _BY_SCHEMA = 70, 2
# What the checks keep of themselves: caches of patterns, of schemas.
GROWTH_BYTES_MAX = 64 * 2**20
_MEASURED = ("swpt_accounts.smp.decoder", "swpt_accounts.smp.incoming")
_MEASURED_TOO = ("swpt_accounts.chores.tasks", "swpt_accounts.core.root_config")
_INPUT_SECONDS_MAX = 25


def run(budget: Budget) -> None:
    """Try the inputs of all ways. Raises `Finding`."""
    by_schema_count = budget.inputs_count * _BY_SCHEMA // 100
    guided_count = budget.inputs_count * _GUIDED // 100
    run_guided(budget, guided_count)  # first, while this process, and its fork, is small
    accepted = by_schema.run(by_schema_count, budget.seed)
    budget.done("by schema (hypothesis)", by_schema_count, f"{accepted} accepted")
    run_random(budget, budget.inputs_count - by_schema_count - guided_count)
    count, worst = large.run(LARGE_BYTES, step=_LARGE_STEP)
    budget.tell(
        f"{count} bodies of {LARGE_BYTES // 10**6} MB: at most {worst:.1f} bytes for a byte"
    )


def run_random(budget: Budget, inputs_count: int) -> None:
    """Messages with damage, as `documents` makes them."""
    rng = Random(budget.seed)
    accepted, slowest = 0, 0.0
    before = memory_bytes()
    for number in range(inputs_count):
        if budget.is_over():
            inputs_count = number
            break
        target = rng.choice(TARGETS)
        body = wrong_body(rng, pairs_of(right_document(rng, target)))
        start = time.process_time()
        accepted += check_or_tell(target, body)
        slowest = max(slowest, time.process_time() - start)
    growth = memory_bytes() - before
    if growth > GROWTH_BYTES_MAX:
        raise Finding(f"the process has grown by {growth} bytes")
    budget.done(
        "at random",
        inputs_count,
        f"{accepted} accepted, the slowest took {1000 * slowest:.0f} ms of CPU,"
        f" memory +{growth / 2**20:.0f} MiB",
    )


def check_or_tell(target: str, body: bytes) -> bool:
    """Check an input; a `Finding` says what it was."""
    try:
        return check(target, body)
    except Finding as finding:
        raise Finding(f"{finding}\n  {target}: {body!r:.3000}") from finding


def run_guided(budget: Budget, inputs_count: int) -> None:
    """What atheris makes of the corpus, in a process of its environment."""
    corpus, found = FOLDER / "corpus", FOLDER / "found"
    shutil.rmtree(corpus, ignore_errors=True)
    found.mkdir(parents=True, exist_ok=True)
    fill_folder(corpus, budget.seed)
    options = [
        *(
            f"-runs={inputs_count}",
            f"-seed={budget.seed}",
            "-max_len=20000",
            "-print_final_stats=1",
        ),
        *(f"-timeout={_INPUT_SECONDS_MAX}", "-rss_limit_mb=512", f"-artifact_prefix={found}/"),
        f"-max_total_time={budget.seconds_left():.0f}",
    ]
    command = [str(PYTHON), "-m", "tests.fuzzing.guided", str(corpus), *options]
    result = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    log = result.stdout.decode(errors="replace")
    (FOLDER / "guided.log").write_text(log, encoding="utf-8")
    if result.returncode != 0:
        raise Finding(f"{_told(log)}\n  to repeat it: ./dev fuzz decoder --replay {found}/…")
    count = int(re.findall(r"number_of_executed_units: (\d+)", log)[-1])
    peak = re.findall(r"peak_rss_mb: +(\d+)", log)[-1]
    cov, features = re.findall(r"DONE +cov: (\d+) ft: (\d+)", log)[-1]
    budget.done(
        "by coverage (atheris)",
        count,
        f"{cov} edges, {features} features, {len(list(corpus.iterdir()))} inputs kept,"
        f" {peak} MiB at most",
    )
    budget.tell(coverage_of(corpus))


def _told(log: str) -> str:
    return log[log.find("Traceback") :][-3000:] if "Traceback" in log else log[-3000:]


def replay(path: Path) -> int:
    """Check what is in a file, or in all files of a folder. Returns how many. Raises `Finding`."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        check_or_tell(*unpacked(file.read_bytes()))
    return len(files)


def coverage_of(folder: Path) -> str:
    """How much of the decoders the inputs of a folder reach."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "coverage"]
        options = ["--rcfile=/dev/null", f"--data-file={place}/data"]
        source = ",".join((*_MEASURED, *_MEASURED_TOO))
        replaying = ["-m", "tests.fuzzing", "decoder", "--replay", str(folder)]
        run_it = [*command, "run", *options, "--branch", f"--source={source}", *replaying]
        subprocess.run(run_it, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        told = subprocess.run(
            [*command, "json", *options, "-q", "-o", "-"], cwd=ROOT, check=True, capture_output=True
        )
    files = json.loads(told.stdout)["files"]
    return "reached, in lines and branches: " + ", ".join(
        f"{Path(name).name} {found['summary']['percent_covered']:.1f} %"
        for name, found in sorted(files.items())
    )
