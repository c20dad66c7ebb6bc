"""What is said of licences."""

from email.message import Message

import pytest

from scripts import licences
from scripts.licences import Package, licences_of, table


def metadata(**fields: str) -> Message:
    made = Message()
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    return made


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"License_Expression": "Apache-2.0 AND (MIT OR ISC)"}, ("Apache-2.0", "MIT", "ISC")),
        ({"License_Expression": "MIT", "License": "GPL"}, ("MIT",)),
        ({"License": "BSD-3-Clause"}, ("BSD-3-Clause",)),
        (
            {"License": "The text\nof it", "Classifier": "License :: OSI Approved :: MIT License"},
            ("MIT License",),
        ),
        ({"Classifier": "Programming Language :: Python"}, ()),
        ({}, ()),
    ],
)
def test_licences_of_a_package(fields: dict[str, str], expected: tuple[str, ...]) -> None:
    assert licences_of(metadata(**fields)) == expected  # type: ignore[arg-type]


def test_what_nobody_has_looked_at_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = Package("a", "1", ("MIT",))
    monkeypatch.setattr(licences, "installed", lambda: [fine])
    assert licences.main() == 0
    found = [fine, Package("b", "2", ("AGPL-3.0-only", "MIT")), Package("c", "3", ())]
    monkeypatch.setattr(licences, "installed", lambda: found)
    assert licences.main() == 1
    shown = capsys.readouterr()
    assert "b: nobody has looked at AGPL-3.0-only yet" in shown.err
    assert "c: nobody has looked at none yet" in shown.err
    assert "| c | 3 | none |" in shown.out


def test_everything_that_is_installed_is_listed() -> None:
    lines = list(table(licences.installed()))
    assert any(line.startswith("| psycopg |") and "LGPL-3.0-only" in line for line in lines)
