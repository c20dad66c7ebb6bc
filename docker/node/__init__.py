"""A node's folder: its certificate authority, and its peers. It needs openssl, and no packages."""
