"""Fixtures of all tests. `./dev test` starts the servers, and tells where they are."""

from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

pytest_plugins = [
    "tests.support.database",
    "tests.support.broker",
    "tests.support.authority",
    "tests.support.fetch_api",
    "tests.support.servers",
    "tests.support.pooler",
    "tests.support.forked_services",
]
