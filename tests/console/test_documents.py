"""The documents in the console: findings lead to them, and they lead to each other."""

import re
from posixpath import dirname, join, normpath

from flask.testing import FlaskClient

from swpt_accounts.console.pages.documents import FOLDER, NO_TABLE
from swpt_accounts.inspection.status.health_rules import RULES

_LINK = re.compile(r'href="([^":#]*\.md)?(?:#([^"]+))?"')


def test_documents_lead_to_each_other(client: FlaskClient) -> None:
    paths = [f"/docs/{path.relative_to(FOLDER)}" for path in sorted(FOLDER.rglob("*.md"))]
    texts = {path: client.get(path).text for path in paths}
    assert texts.keys() >= {f"/{rule.page.partition('#')[0]}" for rule in RULES}
    for path, text in texts.items():
        main = text.partition('<main id="main"')[2]
        assert "<h1" in main, path
        for target, anchor in _LINK.findall(main):
            place = normpath(join(dirname(path), target)) if target else path
            # There are documents outside the folder, too, which the console does not have.
            if place.startswith("/docs/"):
                is_there = f'id="{anchor}"' in texts[place] or NO_TABLE in texts[place]
                assert is_there or not anchor, (path, target, anchor)


def test_nothing_else_is_a_document(client: FlaskClient) -> None:
    for path in ("conf.py", "nothing.md", "../README.md", "how-to", "%2e%2e/README.md", "assets"):
        assert client.get(f"/docs/{path}").status_code == 404, path
