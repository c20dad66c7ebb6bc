"""PostgreSQL and RabbitMQ that nobody else uses, in a temporary folder."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from agentkit.processes import ROOT

_SCRIPTS = ROOT / "scripts"
_SECONDS_MAX = 180.0


class ServersError(Exception):
    """The servers cannot do what they are told. The text is what the script has said."""


class Servers:
    """The servers, from `start` to `close`. They go with this process, however it ends."""

    script = _SCRIPTS / "chaos_servers.sh"
    direct_url: str | None = None
    """The database without a proxy on the way to it, where the workers are to use that."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="swpt_chaos_"))
        self.folder.chmod(0o755)  # the servers are other users
        self.output = self.folder / "script.log"
        self.disk: Path | None = None
        """A small file system, if one could be had; else why not is in `no_disk`."""
        self.no_disk = ""
        self._guard = subprocess.Popen(
            [self.script, self.folder, "guard", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, action: str, *arguments: str) -> str:
        """Run an action of the script. Returns its output. Raises `ServersError`."""
        # To a file: a server that an action starts would hold a pipe open.
        with self.output.open("ab") as errors, tempfile.TemporaryFile() as output:
            try:
                code = subprocess.run(
                    [self.script, self.folder, action, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    timeout=_SECONDS_MAX,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired as error:
                raise ServersError(f"{action} takes more than {_SECONDS_MAX:g} s") from error
            output.seek(0)
            text = output.read().decode()
        if code != 0:
            raise ServersError(f"{action}: {self.output.read_text(errors='replace')[-1000:]}")
        return text

    def start(self) -> None:
        """Start both servers, and learn their addresses."""
        self.run("start")
        self.learn_addresses()
        try:
            self.disk = Path(self.run("disk-mount").strip())
        except ServersError as error:
            self.no_disk = str(error).strip().splitlines()[-1]

    def learn_addresses(self) -> dict[str, str]:
        """Ask the script. Returns all that it says."""
        addresses = dict(line.split("=", 1) for line in self.run("env").splitlines())
        self.postgres_url = addresses["POSTGRES_URL"]
        self.broker_url = addresses["BROKER_URL"]
        self.management_url = addresses["MANAGEMENT_URL"]
        return addresses

    def mend(self) -> None:
        """After a failure, do what an operator would have to do before all can go on."""

    def keep_logs(self, folder: Path) -> None:
        """Copy the logs of the servers."""
        for path in (self.folder / "postgres" / "log", self.folder / "rabbitmq" / "log"):
            if path.is_dir():
                shutil.copytree(path, folder / "rabbitmq", dirs_exist_ok=True)
            elif path.exists():
                shutil.copy(path, folder / "postgres.log")

    def close(self) -> None:
        """Stop the servers, and delete their folder. Raises `ServersError`."""
        self.run("destroy")
        self._guard.terminate()
        self._guard.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
