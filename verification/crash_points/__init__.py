"""Every crash point: the real workers die before, in and after each of their steps.

A step is a call by which the program does something that others see: a statement to the database,
a frame to the broker. `catalogue.py` finds them in the code; `stepping.py` and `launcher.py` run
the program in such a way that it dies at one of them.
"""
