"""Draws the packages and what they import: ``python -m scripts.packages_picture [--check]``.

The picture is a mermaid flowchart in docs/architecture.md, between two marker comments. An arrow
means "imports"; one that follows from others is left out. With ``--check`` nothing is written;
the exit code is 1 when the page is not as it would be written.
"""

import argparse
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- packages: made by `python -m scripts.packages_picture` -->\n"
END = "<!-- /packages -->\n"
PROGRAM = "swpt_accounts"

Arrows = dict[str, set[str]]


def find_arrows() -> Arrows:
    """Returns, for each package of the program, the packages that its modules import."""
    graph = grimp.build_graph(PROGRAM, cache_dir=None)
    names = {child.rpartition(".")[2] for child in graph.find_children(PROGRAM)}
    arrows: Arrows = {name: set() for name in names if not name.startswith("__")}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            source, target = _package(module), _package(imported)
            if source in arrows and target in arrows and source != target:
                arrows[source].add(target)
    return arrows


def _package(module: str) -> str:
    return module.removeprefix(f"{PROGRAM}.").partition(".")[0]


def find_heights(arrows: Arrows) -> dict[str, int]:
    """Returns how many arrows the longest way down from each package has.

    Raises `RecursionError` if there is a way in a circle.
    """
    heights: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in heights:
            heights[name] = max((height(target) + 1 for target in arrows[name]), default=0)
        return heights[name]

    for name in arrows:
        height(name)
    return heights


def find_reached(arrows: Arrows) -> Arrows:
    """Returns what can be reached from each package, by one arrow or more."""
    reached: Arrows = {}
    heights = find_heights(arrows)
    for name in sorted(arrows, key=heights.__getitem__):
        reached[name] = arrows[name].union(*(reached[target] for target in arrows[name]))
    return reached


def without_detours(arrows: Arrows) -> Arrows:
    """Returns the arrows that do not follow from others."""
    reached = find_reached(arrows)
    return {
        name: {target for target in targets if not any(target in reached[t] for t in targets)}
        for name, targets in arrows.items()
    }


def draw(arrows: Arrows) -> str:
    """Returns the flowchart, in Markdown: always the same for the same arrows."""
    heights = find_heights(arrows)
    lines = [
        f"    {source} --> {target}"
        for source in sorted(arrows, key=lambda name: (-heights[name], name))
        for target in sorted(arrows[source])
    ]
    return "\n".join(["```mermaid", "flowchart TB", *lines, "```\n"])


def with_picture(page: str) -> str:
    """Returns the text of the page, with the picture between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{PAGE.name} has no place for the picture"
    return before + BEGIN + draw(without_detours(find_arrows())) + END + after


def main() -> None:
    """Writes the picture, or checks it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, report what is old")
    is_check = parser.parse_args().check
    old = PAGE.read_text(encoding="utf-8")
    new = with_picture(old)
    if new != old:
        print(f"{PAGE.relative_to(ROOT)} {'is old' if is_check else 'is written'}")
        if not is_check:
            PAGE.write_text(new, encoding="utf-8")
    sys.exit(1 if is_check and new != old else 0)


if __name__ == "__main__":
    main()
