"""Large bodies, each in a process of its own: what they take of memory and time has a limit."""

import json
import os
import resource
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, product
from random import Random

from verification.fuzzing.checking import TARGETS, Finding, read_only
from verification.fuzzing.documents import body_of, pairs_of, right_document

# Where there is one letter beyond the BMP, Python's string needs four bytes for each of the body.
GROWTH_FACTOR_MAX = 6
GROWTH_BYTES = 32 * 2**20
CPU_SECONDS_MAX = 20

_ISO = '"20240520T131509Z"'


VALUES: dict[str, Callable[[int], str]] = {
    "nested lists": lambda n: "[" * (n // 2) + "]" * (n // 2),
    "lists that do not end": lambda n: "[" * n,
    "nested objects": lambda n: '{"a":' * (n // 6) + "1" + "}" * (n // 6),
    "digits": lambda n: "9" * n,
    "negative digits": lambda n: "-" + "9" * n,
    "digits behind a point": lambda n: "0." + "3" * n,
    "a large exponent": lambda n: "1e" + "9" * n,
    "a small exponent": lambda n: "1e-" + "9" * n,
    "a string": lambda n: f'"{"x" * n}"',
    "a string with an emoji": lambda n: f'"🙂{"x" * n}"',
    "escapes": lambda n: '"' + "\\u0041" * (n // 6) + '"',
    "escaped NULs": lambda n: '"' + "\\u0000" * (n // 6) + '"',
    "lone surrogates": lambda n: '"' + "\\ud800" * (n // 6) + '"',
    "escaped quotes": lambda n: '"' + '\\"' * (n // 2) + '"',
    "empty lists": lambda n: "[" + "[]," * (n // 3) + "1]",
    "empty objects": lambda n: "[" + "{}," * (n // 3) + "1]",
    "many properties": lambda n: "{" + ",".join(f'"{i}":0' for i in range(n // 12)) + "}",
    "numbers": lambda n: "[" + "1," * (n // 2) + "1]",
    "digits in quotes": lambda n: f'"{"2" * n}"',
    "white space": lambda n: " " * n + "1",
}
"""JSON values of about so many bytes, and what is none."""

Pairs = list[tuple[str, str]]


def _with_iso(pairs: Pairs) -> Pairs:
    return [(name, _ISO if value[:5] == '"2024' else value) for name, value in pairs]


def _instead(pairs: Pairs, value: str) -> Pairs:
    i = len(pairs) // 2
    return [*pairs[:i], (pairs[i][0], value), *pairs[i + 1 :]]


PLACES: dict[str, Callable[[Pairs, str], Pairs]] = {
    "ignored": lambda pairs, value: [*pairs, ('"new"', value)],
    "ignored, another date": lambda pairs, value: [("new", value), *_with_iso(pairs)],
    "ignored, after a date": lambda pairs, value: [*_with_iso(pairs), ('"new"', value)],
    "of a field": _instead,
}
WHOLE: dict[str, Callable[[Pairs, int], bytes]] = {
    "a property many times": lambda p, n: body_of(p * (n // len(body_of(p)) + 1)),
    "white space around": lambda p, n: b" " * (n // 2) + body_of(p) + b" " * (n // 2),
    "UTF-16": lambda p, n: body_of(p).ljust(n // 2).decode().encode("utf-16"),
    "a name": lambda p, n: body_of([*p, (json.dumps("n" * n), "1")]),
}


def large_bodies(size: int) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """What it is, who reads it, and what makes the body."""
    rng = Random(size)
    for target in TARGETS:
        pairs = pairs_of(right_document(rng, target))
        for what, place in product(VALUES, PLACES):
            yield f"{what}, {place}", target, partial(_body, pairs, what, place, size)
        for what, make in WHOLE.items():
            yield what, target, partial(make, pairs, size)


def _body(pairs: Pairs, what: str, place: str, size: int) -> bytes:
    return body_of(PLACES[place](pairs, VALUES[what](size)))


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
    for what, target, make in islice(large_bodies(size), first, None, step):
        body = make()
        growth_max = GROWTH_FACTOR_MAX * len(body) + GROWTH_BYTES
        growth, problem = in_a_child(partial(read_only, target, body), growth_max)
        if problem:
            raise Finding(f"{target}, {what}, {len(body)} bytes: {problem} (+{growth} bytes)")
        count += 1
        worst = max(worst, growth / len(body))
    return count, worst
