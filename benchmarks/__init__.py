"""Measures a whole authority under load: `python -m benchmarks --help`, or `./dev bench`."""
