"""A node's folder: its certificate authority, and its peers. It needs openssl, and no packages."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs it may have an older one
    sys.stderr.write("node.sh: Python 3.11 or newer is needed\n")
    sys.exit(3)
