"""Other people's nodes: the programs that every real node runs, as they are."""

import errno
import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

# (Only the standard library: `./dev network` looks here before any package is installed.)
PROGRAMS = {"swpt_ca_scripts": "f66cfb9", "swpt_stomp": "50f80ca"}
TOOLS = ("openssl", "zip", "unzip", "envsubst", "hexdump")
STOMP_PYTHON = Path(__file__).parents[1] / "var" / "stomp" / "bin" / "python"
SECONDS_MAX = 120.0
PASSPHRASE = "correct horse"
_MENU = {"Creditors Agents": "1", "Debtors Agents": "2", "Accounting Authorities": "3"}


def programs_missing() -> str:
    """What SWPT_REAL lacks, and how to set it; or nothing."""
    folder = os.environ.get("SWPT_REAL", "")
    missing = [name for name in PROGRAMS if not Path(folder, name).is_dir()]
    if not folder or missing:
        commits = " and ".join(f"{name} at {PROGRAMS[name]}" for name in missing or PROGRAMS)
        return (
            f"SWPT_REAL, which is {folder!r}, has to name a folder with {commits}:"
            " public repositories of swaptacular on GitHub"
        )
    return ""


def what_is_missing() -> str:
    """Why nobody else's programs can run here, or nothing."""
    if text := programs_missing():
        return text
    if absent := [name for name in TOOLS if shutil.which(name) is None]:
        return f"their scripts need programs that are not here: {', '.join(absent)}"
    return (
        ""
        if STOMP_PYTHON.exists()
        else f"there is no {STOMP_PYTHON}: ./dev test makes it, and ./dev network"
    )


def real(name: str) -> Path:
    return Path(os.environ["SWPT_REAL"], name).resolve()


def id_of(folder: Path) -> str:
    """The ID of the node that has this folder."""
    return (folder / "db" / "nodeid").read_text().strip()


class RealNode:
    """A node whose folder the scripts of a real node keep."""

    def __init__(self, folder: Path) -> None:
        """The folder exists already, or it is made; the scripts are put into it."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for path in real("swpt_ca_scripts").iterdir():
            if path.name != "peers":
                shutil.copy(path, folder)
        (folder / "peers").mkdir(exist_ok=True)
        shutil.copy(real("swpt_ca_scripts") / "peers" / "create-peer-manifest", folder / "peers")
        for path in (folder, folder / "peers"):
            path.chmod(0o755)

    @classmethod
    def made(cls, folder: Path, node_type: str, address: str, node_id: str = "") -> "RealNode":
        """A new one, with the certificate of its server."""
        node = cls(folder)
        answers = {"swaptacular node: ": _MENU[node_type], "8 hexadecimals): ": node_id}
        node.run("generate-masterkey")
        node.run("init-ca", answers={**answers, "network address: ": address})
        node.run("generate-serverkey", folder / "server.key", folder / "server.csr")
        node.run("sign-servercert", folder / "server.csr", folder / "server.crt")
        return node

    @property
    def id(self) -> str:
        return id_of(self.folder)

    def peer(self, node_id: str) -> Path:
        return self.folder / "peers" / node_id

    def bundle(self, path: Path) -> Path:
        self.run("create-infobundle", path)
        return path

    def certificate_for(self, bundle: Path, node_id: str) -> Path:
        """Read what a peer tells of itself. Returns what is sent back."""
        self.run("sign-peercert", bundle)
        return self.peer(node_id) / "peercert.crt"

    def run(self, script: str, *words: str | Path, answers: dict[str, str] | None = None) -> str:
        """What a script says; it has to succeed."""
        code, said = self.attempt(script, *words, answers=answers)
        assert code == 0, f"{script} has ended with {code}:\n{said}"
        return said

    def attempt(
        self, script: str, *words: str | Path, answers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """The exit code, and what it says. Its questions are answered on a terminal."""
        command = [str(self.folder / script), *(str(word) for word in words)]
        known = {"pass phrase[^:]*:": PASSPHRASE, r"\[y/n\]:?": "y"}
        known |= {re.escape(text): answer for text, answer in (answers or {}).items()}
        return on_terminal(command, {re.compile(k + r"\s*$", re.I): v for k, v in known.items()})


def on_terminal(command: list[str], answers: dict[re.Pattern[str], str]) -> tuple[int, str]:
    """Run a command on a terminal of its own. Whatever it asks is answered."""
    own, other = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command],
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    said, answered = "", 0
    end = time.monotonic() + SECONDS_MAX
    try:
        while (text := _read(own, end)) is not None:
            said += text.replace("\r", "")
            for question, answer in answers.items():
                if question.search(said, answered):
                    os.write(own, answer.encode() + b"\n")
                    answered = len(said)
                    break
        return process.wait(max(end - time.monotonic(), 0.1)), said
    finally:
        os.close(own)
        process.kill()
        process.wait()


def _read(terminal: int, end: float) -> str | None:
    """What was said, or nothing when the terminal is closed."""
    ready, _, _ = select.select([terminal], [], [], max(end - time.monotonic(), 0))
    assert ready, "it says nothing any more"
    try:
        return os.read(terminal, 65536).decode(errors="replace") or None
    except OSError as error:
        if error.errno == errno.EIO:
            return None
        raise
