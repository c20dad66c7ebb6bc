"""`./dev verify`: all engines, or some of them, within a budget, with one report."""

import argparse
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from verification.kit.run import Report, Run, add_common_options, show

ENGINES = ("model", "simulation", "crash_points", "splits", "chaos", "fuzzing", "mutation")
_MINUTES = 60.0


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The engines, which come first, and the options."""
    count = next((i for i, a in enumerate(arguments) if a.startswith("-")), len(arguments))
    return list(arguments[:count]), list(arguments[count:])


def parse_options(name: str, arguments: Sequence[str]) -> argparse.Namespace:
    """The options of an engine: those of all, and its own."""
    engine = import_module(f"verification.{name}.engine")
    parser = argparse.ArgumentParser(prog=f"./dev verify {name}", description=engine.__doc__)
    add_common_options(parser)
    engine.add_options(parser)
    return parser.parse_args(arguments)


def run_one(name: str, arguments: Sequence[str]) -> int:
    """Run an engine with its own options. Returns the exit code."""
    engine = import_module(f"verification.{name}.engine")
    options = parse_options(name, arguments)
    if engine.show(options):
        return 0
    run = Run(name, options, engine.ROUNDS_COUNT)
    run.report.path.unlink(missing_ok=True)
    try:
        engine.run(run)
    except Exception:
        run.find(traceback.format_exc())
    finally:
        run.close()
    show([run.report])
    return 1 if run.report.found else 0


def parse(arguments: Sequence[str]) -> list[str]:
    """Look at the command line. Returns the engines; exits where something is wrong with it."""
    names, options = split(arguments)
    if unknown := set(names) - set(ENGINES):
        print(f"unknown engine: {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)}")
        sys.exit(2)
    if len(names) == 1:
        parse_options(names[0], options)
    else:
        parse_shared(options)
    return names


def parse_shared(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of several engines at once."""
    parser = argparse.ArgumentParser(
        prog="./dev verify",
        usage="./dev verify [ENGINE...] [--seed S] [--minutes M] [--rounds N]\n"
        "       ./dev verify ENGINE [OPTION...]   (--help shows the options of an engine)",
        description=f"Looks for defects that no test was written for. Engines: {', '.join(ENGINES)}"
        f" (default: all). The minutes, {_MINUTES:g} by default, are for all of them together.",
    )
    add_common_options(parser)
    return parser.parse_args(arguments)


def run_all(names: Sequence[str], arguments: Sequence[str]) -> int:
    """Run each engine in a process of its own. Returns the exit code."""
    options = parse_shared(arguments)
    minutes = (options.minutes or _MINUTES) / len(names)
    shared = ["--seed", str(options.seed), "--minutes", str(minutes)]
    if options.rounds is not None:
        shared += ["--rounds", str(options.rounds)]
    reports = []
    for name in names:
        Report(name).path.unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", "verification", name, *shared], check=False)
        reports.append(Report.load(name))
    show(reports)
    return 1 if any(report.found for report in reports) else 0


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = parse(sys.argv[1:])
    _, arguments = split(sys.argv[1:])
    if len(names) == 1:
        return run_one(names[0], arguments)
    return run_all(names or ENGINES, arguments)


if __name__ == "__main__":
    sys.exit(main())
