"""Large bodies, each in a process of its own: what they take of memory and time has a limit."""

import json
import os
import resource
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from random import Random

from verification.fuzzing.checking import TARGETS, Finding, read_only
from verification.fuzzing.documents import body_of, pairs_of, right_document

# Where there is one letter beyond the BMP, Python's string needs four bytes for each of the body.
GROWTH_FACTOR_MAX = 6
GROWTH_BYTES = 32 * 2**20
CPU_SECONDS_MAX = 20

_ISO = '"20240520T131509Z"'


def large_values(size: int) -> dict[str, str]:
    """JSON values of about so many bytes, and what is none."""
    return {
        "nested lists": "[" * (size // 2) + "]" * (size // 2),
        "lists that do not end": "[" * size,
        "nested objects": '{"a":' * (size // 6) + "1" + "}" * (size // 6),
        "digits": "9" * size,
        "negative digits": "-" + "9" * size,
        "digits behind a point": "0." + "3" * size,
        "a large exponent": "1e" + "9" * size,
        "a small exponent": "1e-" + "9" * size,
        "a string": f'"{"x" * size}"',
        "a string with an emoji": f'"🙂{"x" * size}"',
        "escapes": '"' + "\\u0041" * (size // 6) + '"',
        "escaped NULs": '"' + "\\u0000" * (size // 6) + '"',
        "lone surrogates": '"' + "\\ud800" * (size // 6) + '"',
        "escaped quotes": '"' + '\\"' * (size // 2) + '"',
        "empty lists": "[" + "[]," * (size // 3) + "1]",
        "empty objects": "[" + "{}," * (size // 3) + "1]",
        "many properties": "{" + ",".join(f'"{i}":0' for i in range(size // 12)) + "}",
        "numbers": "[" + "1," * (size // 2) + "1]",
        "digits in quotes": f'"{"2" * size}"',
        "white space": " " * size + "1",
    }


def large_bodies(size: int) -> Iterator[tuple[str, str, bytes]]:
    """What it is, who reads it, and the body."""
    rng = Random(size)
    for target in TARGETS:
        pairs = pairs_of(right_document(rng, target))
        with_iso = [(name, _ISO if value[:5] == '"2024' else value) for name, value in pairs]
        for what, value in large_values(size).items():
            yield f"{what}, ignored", target, body_of([*pairs, ('"new"', value)])
            yield f"{what}, ignored, another date", target, body_of([("new", value), *with_iso])
            yield f"{what}, ignored, after a date", target, body_of([*with_iso, ('"new"', value)])
        i = rng.randrange(1, len(pairs)) if len(pairs) > 1 else 0
        for what, value in large_values(size).items():
            spoiled = [*pairs[:i], (pairs[i][0], value), *pairs[i + 1 :]]
            yield f"{what} for {pairs[i][0]}", target, body_of(spoiled)
        body = body_of(pairs)
        yield "a property many times", target, body_of(pairs * (size // len(body) + 1))
        yield "white space around", target, b" " * (size // 2) + body + b" " * (size // 2)
        yield "UTF-16", target, body.ljust(size // 2).decode().encode("utf-16")
        yield "a name", target, body_of([*pairs, (json.dumps("n" * size), "1")])


def in_a_child(action: Callable[[], object], growth_max: int) -> tuple[int, str]:
    """Run it in a fork, which may grow by so many bytes. Returns by how many it has, and what was
    wrong.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os.write(writing, _measure(action, growth_max).encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        told = stream.read()
    os.waitpid(pid, 0)
    if not told:
        return 0, "it has died: of too much memory or time, or of a fault in C"
    growth, _, problem = told.partition(" ")
    return int(growth), problem


def _measure(action: Callable[[], object], growth_max: int) -> str:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    address_space = _status_bytes("VmSize") + growth_max
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    before = _status_bytes("VmRSS")
    try:
        action()
        problem = ""
    except MemoryError:
        problem = "it wants more memory"
    except Exception as error:
        problem = repr(error)
    growth = max(0, _status_bytes("VmHWM") - before)
    if growth > growth_max:
        problem = problem or "it has taken too much memory"
    return f"{growth} {problem}"


def _status_bytes(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as lines:
        (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def run(size: int, *, first: int = 0, step: int = 1) -> tuple[int, float]:
    """Try all of them, or one of so many, from the first one on. Returns how many, and by how much
    the process has grown for a byte of the body, at most.
    """
    count, worst = 0, 0.0
    for what, target, body in islice(large_bodies(size), first, None, step):
        growth_max = GROWTH_FACTOR_MAX * len(body) + GROWTH_BYTES
        growth, problem = in_a_child(partial(read_only, target, body), growth_max)
        if problem:
            raise Finding(f"{target}, {what}, {len(body)} bytes: {problem} (+{growth} bytes)")
        count += 1
        worst = max(worst, growth / len(body))
    return count, worst
