"""Prints the mutants that cosmic-ray makes of Python files, as JSON.

It runs as a program, in an environment that has cosmic-ray, and nothing of this project:

    python core_operators.py FILE...

Each mutant is a list: the file, the line, the operator, the occurrence, and the whole new text.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code


def mutants(path: str) -> Iterator[list[str | int]]:
    """All mutants by the operators that need no configuration."""
    text = Path(path).read_text("utf-8")
    for name in sorted(plugins.operator_names()):
        operator_class = plugins.get_operator(name)
        if name == "core/NoOp" or operator_class.arguments():
            continue
        operator = operator_class()
        places = [
            start[0]
            for node in ast_nodes(get_ast(text))
            for start, _ in operator.mutation_positions(node)
        ]
        for occurrence, line in enumerate(places):
            yield [path, line, name, occurrence, mutate_code(text, operator, occurrence)]


json.dump([mutant for path in sys.argv[1:] for mutant in mutants(path)], sys.stdout)
