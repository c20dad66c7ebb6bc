"""Two agents, of a debtor and of its creditors, that try out a running authority.

They know it only from outside: its exchanges, its fetch API, the protocol's rules. Nothing here
comes from the authority's own code, so what they find right has been checked twice.
"""
