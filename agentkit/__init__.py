"""What it takes to play an agent of an accounting authority, and to start one.

The tests, the demo, the benchmark and `verification` share it. It knows the authority from outside
only: its commands, its exchanges, the rules of the protocol. Nothing here comes from
`swpt_accounts`, so what is found right has been checked by a second implementation.

Going up: `keys`, `messages`, `received`, `rules`, `checks` and `chains` are the wire; `broker`,
`observer` and `fast_link` are the ways there; `databases`, `own_server`, `management`, `processes`,
`authority` and `shards` make and start an authority, and `fault_proxy` is a link to it that fails;
`real_nodes` and `stomp` run the programs of other people's nodes;
`currency`, `coordinator`, `load` and `traffic` have it do something; `outcomes` and `ledger` say
what must have come of that.
"""
