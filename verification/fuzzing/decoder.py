"""Messages, chores and RootConfigData with damage, and large bodies."""

import time
from os import getpid
from random import Random

from benchmarks.memory import read_memory
from verification.fuzzing import large
from verification.fuzzing.checking import TARGETS, Finding, check
from verification.fuzzing.documents import pairs_of, right_document, wrong_body

INPUTS_COUNT = 10_000
LARGE_BYTES = 10_000_000
# Of the large bodies, one of so many: which ones, is decided by the seed.
_LARGE_STEP = 35
# What the checks keep of themselves: caches of patterns, of schemas.
GROWTH_MIB_MAX = 64


def run(seed: int) -> str:
    """Try the inputs of a seed. Returns what is to be told. Raises `Finding`."""
    before = read_memory(getpid()).resident
    accepted, slowest = try_inputs(INPUTS_COUNT, seed)
    growth = read_memory(getpid()).resident - before
    if growth > GROWTH_MIB_MAX:
        raise Finding(f"the process has grown by {growth:.0f} MiB")
    count, worst = large.run(LARGE_BYTES, first=seed % _LARGE_STEP, step=_LARGE_STEP)
    return (
        f"{INPUTS_COUNT} inputs, {sum(accepted.values())} accepted, the slowest took"
        f" {1000 * slowest:.0f} ms of CPU, memory +{growth:.0f} MiB; {count} bodies of"
        f" {LARGE_BYTES // 10**6} MB: at most {worst:.1f} bytes for a byte"
    )


def try_inputs(count: int, seed: int) -> tuple[dict[str, int], float]:
    """Check so many inputs. Returns how many of each kind were accepted, and the longest time."""
    rng = Random(seed)
    accepted, slowest = dict.fromkeys(TARGETS, 0), 0.0
    for _ in range(count):
        target = rng.choice(TARGETS)
        body = wrong_body(rng, pairs_of(right_document(rng, target)))
        start = time.process_time()
        try:
            accepted[target] += check(target, body)
        except Finding as finding:
            raise Finding(f"{finding}\n  {target}: {body!r:.3000}") from finding
        slowest = max(slowest, time.process_time() - start)
    return accepted, slowest
