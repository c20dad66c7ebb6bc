"""Fixtures of all tests. `./dev test` starts the servers, and tells where they are."""

import signal

from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

# A shell ignores it for what it runs in the background, and programs that tests start would, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.support.database",
    "tests.support.broker",
    "tests.support.authority",
    "tests.support.fetch_api",
    "tests.support.servers",
    "tests.support.pooler",
    "tests.support.shard_fixtures",
    "tests.support.forked_services",
]
