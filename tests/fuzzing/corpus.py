"""Inputs as they are kept: the first byte says what is to be read."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.fuzzing.checking import ROOT_CONFIG, TARGETS
from tests.fuzzing.documents import body_of, pairs_of, right_document

CORPUS = Path(__file__).parent / "corpus.jsonl"
"""Seeds, and what has reached something new: lines like `["PrepareTransfer", "{…}"]`, the body in
Latin-1, so that any bytes can be written."""

_RIGHT_COUNT = 20


def packed(target: str, body: bytes) -> bytes:
    return bytes([TARGETS.index(target)]) + body


def unpacked(data: bytes) -> tuple[str, bytes]:
    if not data:
        return ROOT_CONFIG, b""
    return TARGETS[data[0] % len(TARGETS)], data[1:]


def read_corpus() -> Iterator[tuple[str, bytes]]:
    """What is kept in the repository."""
    for line in CORPUS.read_text("ascii").splitlines():
        target, text = json.loads(line)
        yield target, text.encode("latin-1")


def write_corpus(inputs: set[tuple[str, bytes]]) -> None:
    lines = [json.dumps([target, body.decode("latin-1")]) for target, body in sorted(inputs)]
    CORPUS.write_text("\n".join([*lines, ""]), "ascii")


def keep(folder: Path, bytes_max: int = 1000) -> int:
    """Keep the inputs of a folder of libFuzzer that are not too long, beside those that are kept
    already. Returns how many there are.
    """
    found = {unpacked(file.read_bytes()) for file in folder.iterdir()}
    inputs = {*read_corpus(), *(one for one in found if len(one[1]) <= bytes_max)}
    write_corpus(inputs)
    return len(inputs)


def fill_folder(folder: Path, seed: int) -> None:
    """Write the corpus, and some messages of every type, as files for libFuzzer."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = Random(seed)
    inputs = [*read_corpus()]
    for target in TARGETS:
        inputs += [
            (target, body_of(pairs_of(right_document(rng, target)))) for _ in range(_RIGHT_COUNT)
        ]
    for i, (target, body) in enumerate(inputs):
        (folder / f"seed-{i:04}").write_bytes(packed(target, body))
