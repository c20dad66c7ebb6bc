"""The workers' own code in one process, in virtual time: broker, clock and crashes are simulated.

PostgreSQL is a real one. Exactly one worker runs at a time, until it comes to a boundary: a
statement, a wait, or something that it wants of the broker. There the numbers of a seed say
who goes on. So a run is a function of its seed, and can be repeated, and shrunk.
"""
