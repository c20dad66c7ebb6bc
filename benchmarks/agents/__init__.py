"""The load driver: agents that ask for transfers, in a process of their own."""
