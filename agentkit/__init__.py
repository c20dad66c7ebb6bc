"""What it takes to play an agent of an accounting authority, and to start one.

The tests, the demo, and the benchmark share it. It knows the authority from outside only: its
commands, its exchanges, the rules of the protocol. Nothing here comes from `swpt_accounts`, so
what is found right has been checked by a second implementation.

Going up: `keys`, `messages`, `received`, `rules`, `checks` and `chains` are the wire; `broker`,
`observer` and `fast_link` are the ways there; `processes`, `authority` and `shards` start an
authority; `currency` and `coordinator` have it do something.
"""
