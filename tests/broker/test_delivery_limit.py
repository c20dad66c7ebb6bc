"""What operators are told about the delivery limit of a queue."""

import shlex

import pytest

from swpt_accounts.broker.delivery_limit import limit_advice, policy_command, version_numbers


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("3.10.8", (3, 10, 8)), ("4.0.5", (4, 0, 5)), ("4.1.0-rc.1", (4, 1, 0)), ("", ()), ("x", ())],
)
def test_version_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert version_numbers(version) == numbers


@pytest.mark.parametrize(
    ("version", "limit", "told"),
    [
        ("3.10.8", None, None),
        ("3.13.7", None, None),
        ("", None, None),
        ("4.0.0", None, "rabbitmqctl set_policy"),
        ("4.0.5", None, "more than 20 times"),
        ("10.0", None, "rabbitmqctl set_policy"),
        ("3.10.8", -1, None),
        ("4.0.5", -1, None),
        ("3.10.8", 7, "x-delivery-limit 7"),
        ("4.0.5", 0, "x-delivery-limit 0"),
    ],
)
def test_advice(version: str, limit: int | None, told: str | None) -> None:
    advice = limit_advice(version, "/", "q", limit)
    if told is None:
        assert advice is None
    else:
        assert advice is not None
        assert told in advice
        assert "\n" not in advice


def test_policy_command() -> None:
    """It is for exactly this queue, whatever is in the names."""
    assert policy_command("/", "swpt_accounts") == (
        "rabbitmqctl set_policy -p / swpt_accounts-no-delivery-limit '^swpt_accounts$'"
        """ '{"delivery-limit": -1}' --apply-to quorum_queues"""
    )
    words = shlex.split(policy_command("it's mine", "a.b'c"))
    assert words[2:6] == ["-p", "it's mine", "a.b'c-no-delivery-limit", r"^a\.b'c$"]
