"""Random faults of all that an authority stands on, under load, by a seed: `./dev verify chaos`.

`plan` says which faults come when, as a pure function of the seed; `faults` and the modules
that it gathers make them; `servers` and `place` are what they happen to, `agents` is the load that
knows what must have become of every request, `rounds` runs a plan and judges, `shrinking` finds the
fewest faults that make a round fail.
"""
