"""Fixtures of all tests. `./dev test` starts the servers, and tells where they are."""

pytest_plugins = [
    "tests.support.database",
    "tests.support.broker",
    "tests.support.authority",
    "tests.support.fetch_api",
    "tests.support.servers",
    "tests.support.pooler",
]
