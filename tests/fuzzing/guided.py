"""Inputs that coverage leads to: `python -m tests.fuzzing.guided FOLDER LIBFUZZER_OPTION...`.

It runs in the environment of `./dev fuzz`, which has atheris. libFuzzer changes the inputs of the
corpus in FOLDER, and keeps what reaches something new in the program's Python. It does not see into
decoders that are written in C; so half of the changes are made by `documents`, which knows JSON.
"""

import sys
import traceback
from random import Random

import atheris

with atheris.instrument_imports(include=["swpt_accounts"]):
    from tests.fuzzing.checking import TARGETS, check
from tests.fuzzing.corpus import packed, unpacked
from tests.fuzzing.documents import changed_body, pairs_of, right_document, wrong_body

BYTES_MAX = 20_000


def one_input(data: bytes) -> None:
    target, body = unpacked(data)
    check(target, body)


def changed(data: bytes, size_max: int, seed: int) -> bytes:
    """Another input, made of this one."""
    rng = Random(seed)
    chance = rng.random()
    if chance < 0.5:
        return bytes(atheris.Mutate(data, size_max))
    target, body = unpacked(data)
    if chance < 0.8:
        return packed(target, changed_body(rng, target, body))[:size_max]
    target = rng.choice(TARGETS)
    return packed(target, wrong_body(rng, pairs_of(right_document(rng, target))))[:size_max]


def main() -> None:
    atheris.Setup([sys.argv[0], *sys.argv[1:]], one_input, custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    try:
        main()
    except Exception:
        traceback.print_exc()
        raise
