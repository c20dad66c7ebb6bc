"""The command line of the benchmark."""

import pytest

from benchmarks.options import Options, parse_options

NAMES = ("burst", "servers")


def _parsed(*arguments: str) -> Options:
    return parse_options(arguments, NAMES, ("servers",))


def test_other_servers_differ_in_what_is_given() -> None:
    options = _parsed(
        "--servers", "new=p://u:w@h/d,a://h,http://h", "mixed=p://h/d,,", "--runs", "2"
    )
    assert options.servers == {
        "new": {
            "TEST_POSTGRES_URL": "p://u:w@h/d",
            "TEST_BROKER_URL": "a://h",
            "TEST_BROKER_MANAGEMENT_URL": "http://h",
        },
        "mixed": {"TEST_POSTGRES_URL": "p://h/d"},
    }


@pytest.mark.parametrize("text", ["new", "new=p://h/d", "=p://h/d,a://h,http://h", "new=,,", ""])
def test_servers_without_addresses_are_refused(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _parsed("--servers", text)
    assert "is not NAME=POSTGRES,RABBITMQ,MANAGEMENT" in capsys.readouterr().err


def test_a_whole_run_leaves_out_what_has_to_be_asked_for() -> None:
    assert _parsed().names == ("burst",)
    assert _parsed("--smoke").names == NAMES
