"""How tests talk to a console over its port."""

import socket
from dataclasses import dataclass

import requests

from agentkit.processes import Service

TOKEN = "a-token-of-a-test-0123456789"
ACTIONS_TOKEN = "another-one-of-a-test-987654"


@dataclass
class Web:
    """A console at a port of this machine."""

    port: int
    service: Service

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        assert self.service.is_alive(), self.service.log
        try:
            return self.get("/").status_code == 401
        except requests.RequestException:
            return False

    def get(self, path: str, *, token: str | None = None) -> requests.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return requests.get(self.url + path, headers=headers, timeout=30, allow_redirects=False)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes, until the server closes."""
        with self.connect() as s:
            s.sendall(request)
            received = b""
            while block := s.recv(65536):
                received += block
        return received
