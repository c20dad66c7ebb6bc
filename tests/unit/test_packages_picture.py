"""The picture of the packages shows the imports as they are."""

import pytest

from scripts import packages_picture as picture


def test_the_page_shows_the_imports_as_they_are() -> None:
    page = picture.PAGE.read_text(encoding="utf-8")
    assert page == picture.with_picture(page), "run: python -m scripts.packages_picture"


def test_every_package_is_in_the_picture() -> None:
    arrows = picture.find_arrows()
    packages = {path.parent.name for path in picture.ROOT.glob("swpt_accounts/*/__init__.py")}
    assert packages <= set(arrows)
    drawn = picture.draw(picture.without_detours(arrows)).split()
    assert set(arrows) <= set(drawn)


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    arrows = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set()}
    assert picture.without_detours(arrows) == {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set()}


def test_what_is_reached_stays_reached() -> None:
    arrows = picture.find_arrows()
    reduced = picture.without_detours(arrows)
    assert picture.find_reached(reduced) == picture.find_reached(arrows)
    assert sum(map(len, reduced.values())) < sum(map(len, arrows.values()))


def test_the_chart_is_the_same_in_whatever_order_packages_are_found() -> None:
    arrows = {"core": set[str](), "cli": {"web", "inbox"}, "web": {"core"}, "inbox": {"core"}}
    chart = picture.draw(arrows)
    assert chart == picture.draw(dict(reversed(arrows.items())))
    assert chart.splitlines() == [
        "```mermaid",
        "flowchart TB",
        "    cli --> inbox",
        "    cli --> web",
        "    inbox --> core",
        "    web --> core",
        "```",
    ]


def test_a_page_without_a_place_for_it_is_an_error() -> None:
    with pytest.raises(AssertionError, match="no place for the picture"):
        picture.with_picture("# A page\n")
