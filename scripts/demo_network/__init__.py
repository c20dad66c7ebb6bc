"""Nodes of a network on one machine, and what passes between them.

Each has its own certificate authority and virtual host. The STOMP programs are those of every real
node; what is behind those of the agents is the demo's.
"""
