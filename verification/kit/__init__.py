"""What all engines share: their options, seeds, budget, report, servers, and the shrinking; and the
stored procedures as a node, which can be compared with the oracle, and which the tests use, too.
"""
