"""Whether the programs of real nodes are here."""

import pytest

from agentkit.real_nodes import what_is_missing

needs_real = pytest.mark.skipif(bool(what_is_missing()), reason=what_is_missing())
