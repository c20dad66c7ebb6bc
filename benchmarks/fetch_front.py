"""What stands before the fetch API of several shards: nginx, with a cache, or without."""

import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Final, Self

import requests

from agentkit.authority import Authority
from agentkit.keys import unsigned
from agentkit.processes import free_port, system_program
from agentkit.waiting import KitError, wait_until
from benchmarks.usage import read_processes, tree_seconds

_START_SECONDS_MAX: Final = 10.0
_KEEPALIVE_COUNT: Final = 32
_CACHE: Final = """
    proxy_cache answers;
    proxy_cache_key $request_uri;
    proxy_cache_lock on;
"""
_CONFIGURATION: Final = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
{user}
events {{ worker_connections 4096; }}
http {{
    log_format answer "$uri $arg_also $upstream_cache_status";
    access_log {folder}/access.log answer;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=answers:64m use_temp_path=off;
    map_hash_max_size 262144;
    map_hash_bucket_size 128;
    map $uri $shard {{ include {folder}/shards.map; }}
{upstreams}
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 1000000;
        location = /healthz {{ access_log off; return 204; }}
        location /accounts/ {{
            proxy_pass http://$shard;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            {cache}
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Asked:
    """What was asked since the last `forget`. One request may be about many accounts."""

    requests_count: int
    count: int
    repeated_count: int
    """Of these, how many were the same as one before."""
    cached_count: int
    """Of these, how many the cache has answered."""


class FetchFront:
    """An nginx that knows the accounts of one debtor, and their shards."""

    def __init__(self, folder: Path) -> None:
        """Nothing runs yet. Raises `KitError` where there is no nginx."""
        found = system_program("nginx")
        if found is None:
            raise KitError("several shards are measured behind nginx: install nginx-light")
        self._program = found
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True)
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._shards: Sequence[Authority] = ()
        self._process: Popen[bytes] | None = None

    def start(
        self, shards: Sequence[Authority], debtor_id: int, creditor_ids: Iterable[int]
    ) -> None:
        """Answer for these accounts."""
        self._shards = shards
        debtor = unsigned(debtor_id)
        lines = (
            f"/accounts/{debtor}/{unsigned(creditor_id)}/{what} shard_{number};\n"
            for creditor_id in creditor_ids
            for number, shard in enumerate(shards)
            if shard.contains(debtor_id, creditor_id)
            for what in ("reachable", "config")
        )
        (self._folder / "shards.map").write_text("".join(lines))
        self._configure(has_cache=False)
        command = [self._program, "-e", "stderr", "-p", str(self._folder), "-c", self._conf]
        with (self._folder / "log").open("wb") as log:
            self._process = Popen(command, stdout=log, stderr=log)
        wait_until(self._is_up, _START_SECONDS_MAX, "nginx answers")

    @property
    def _conf(self) -> str:
        return str(self._folder / "nginx.conf")

    def _configure(self, *, has_cache: bool) -> None:
        upstreams = "".join(
            f"    upstream shard_{number} {{ server 127.0.0.1:{shard.port};"
            f" keepalive {_KEEPALIVE_COUNT}; keepalive_requests 1000000; }}\n"
            for number, shard in enumerate(self._shards)
        )
        text = _CONFIGURATION.format(
            folder=self._folder,
            port=self._port,
            upstreams=upstreams,
            cache=_CACHE if has_cache else "",
            # Its worker would be somebody else, to whom the folder may be closed.
            user="user root;" if os.getuid() == 0 else "",
        )
        Path(self._conf).write_text(text)

    def _is_up(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise KitError(f"nginx has ended: {(self._folder / 'log').read_text()}")
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).status_code == 204
        except requests.ConnectionError:
            return False

    def begin_to_cache(self) -> None:
        """From now on an answer is kept for as long as it says."""
        assert self._process is not None
        self._configure(has_cache=True)
        before = self._workers()
        self._process.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & self._workers(), _START_SECONDS_MAX, "nginx works anew")

    def _workers(self) -> set[int]:
        assert self._process is not None
        pid = self._process.pid
        return {p.pid for p in read_processes().values() if p.parent_pid == pid}

    @property
    def cpu_seconds(self) -> float:
        """What it has taken since its start."""
        return 0.0 if self._process is None else tree_seconds(read_processes(), self._process.pid)

    def forget(self) -> None:
        """Count what is asked from now on."""
        (self._folder / "access.log").write_bytes(b"")

    def asked(self) -> Asked:
        """Count what was asked."""
        lines = [line.split() for line in (self._folder / "access.log").read_text().splitlines()]
        asked = [
            *(uri.removeprefix("/accounts/") for uri, _, _ in lines),
            *(f"{also}/reachable" for _, others, _ in lines for also in others.split(",")),
        ]
        asked = [one for one in asked if one != "-/reachable"]
        return Asked(
            requests_count=len(lines),
            count=len(asked),
            repeated_count=len(asked) - len(set(asked)),
            cached_count=sum(status == "HIT" for _, _, status in lines),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_START_SECONDS_MAX)
