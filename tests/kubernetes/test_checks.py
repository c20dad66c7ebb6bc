"""What `python -m scripts.manifests` finds: nothing in what is here, and each of these faults."""

import subprocess
import sys
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from agentkit.processes import ROOT
from scripts.manifests.__main__ import main
from scripts.manifests.checks import commands, problems, secrets_from_files
from scripts.manifests.resources import BuildError, Manifest, World, build, parse
from tests.docker.test_entrypoint import COMMANDS
from tests.kubernetes.overlays import NAMES, manifests, world

Change = Callable[[list[Manifest]], None]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with_an_overlay(name: str) -> None:
    assert list(problems(world(name))) == []


def find(found: list[Manifest], kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    """The body of a manifest; the name of a config map ends with a digest."""
    (body,) = [
        m.body
        for m in found
        if m.kind == kind
        and (m.name == name or (kind == "ConfigMap" and m.name.startswith(f"{name}-")))
        and m.namespace.endswith(namespace)
    ]
    return body


def pod(found: list[Manifest], kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    return dict(find(found, kind, name, namespace)["spec"]["template"]["spec"])


def container(found: list[Manifest], name: str, kind: str = "Deployment") -> dict[str, Any]:
    body: dict[str, Any] = pod(found, kind, name)["containers"][0]
    return body


def put(where: Callable[[list[Manifest]], dict[str, Any]], **values: Any) -> Change:
    """Set keys; None takes one away."""

    def change(found: list[Manifest]) -> None:
        body = where(found)
        for key, value in values.items():
            if value is None:
                del body[key]
            else:
                body[key] = value

    return change


def without(kind: str, name: str) -> Change:
    def change(found: list[Manifest]) -> None:
        found[:] = [m for m in found if (m.kind, m.name) != (kind, name)]

    return change


def settings(namespace: str = "", **values: str | None) -> Change:
    return put(lambda x: find(x, "ConfigMap", "accounts-settings", namespace)["data"], **values)


def variable(name: str, value: str) -> Change:
    def change(found: list[Manifest]) -> None:
        container(found, "consume-messages")["env"].append({"name": name, "value": value})

    return change


def secret(name: str, **values: str | None) -> Change:
    return put(lambda x: find(x, "Secret", name)["stringData"], **values)


def of(name: str, part: str | None = None) -> Callable[[list[Manifest]], dict[str, Any]]:
    """The container of a deployment, or a part of it."""
    if part is None:
        return lambda found: container(found, name)
    return lambda found: container(found, name)[part]


FAULTS: list[tuple[str, str, Change, str]] = [
    ("production", "no command", put(of("flush-all"), args=["flush_everything"]), "no command"),
    ("production", "past the entrypoint", put(of("flush-all"), command=["sh"]), "entrypoint"),
    ("production", "no setting", variable("PROTOCOL_BROKER_THREAD", "2"), "is no setting"),
    ("production", "a wrong value", variable("FLUSH_PERIOD", "soon"), "FLUSH_PERIOD"),
    ("production", "a key that is none", settings(PROTOCOL_BROKER_QUEUE_ROUTING_KEY="0"), "ROUT"),
    (
        "production",
        "no server of that name",
        settings(FETCH_API_URL="http://cache:8080"),
        "no Service cache",
    ),
    ("production", "no secret", without("Secret", "accounts-worker"), "no Secret accounts-worker"),
    ("small", "no secret of a role", without("Secret", "postgres-owner"), "postgres-owner"),
    ("production", "no secret of a peer", without("Secret", "stomp-client-debtors"), "debtors"),
    ("production", "no secret of backups", without("Secret", "postgres-backups"), "backups"),
    (
        "production",
        "a secret without a key",
        secret("accounts-worker", **{"postgres-url": None}),
        "no key postgres-url",
    ),
    (
        "production",
        "a URL that is none",
        secret("accounts-worker", **{"protocol-broker-url": "rabbitmq:5672"}),
        "PROTOCOL_BROKER_URL",
    ),
    ("production", "a file nowhere", put(of("flush-all"), volumeMounts=[]), "no secret is mounted"),
    (
        "production",
        "two scans",
        put(lambda x: find(x, "Deployment", "scan-accounts")["spec"], replicas=2),
        "there must be one",
    ),
    (
        "production",
        "scans that are scaled",
        put(
            lambda x: find(x, "ScaledObject", "consume-messages")["spec"]["scaleTargetRef"],
            name="scan-accounts",
        ),
        "there must be one",
    ),
    (
        "production",
        "a number that is not ours",
        put(lambda x: find(x, "Deployment", "consume-messages")["spec"], replicas=2),
        "no replicas",
    ),
    (
        "production",
        "a service of nobody",
        put(lambda x: find(x, "Service", "apiproxy")["spec"], selector={"app": "proxy"}),
        "chooses no pod",
    ),
    (
        "two-shards",
        "realms that overlap",
        settings("-1", PROTOCOL_BROKER_QUEUE_ROUTING_KEY="0.1.#"),
        "overlap",
    ),
    (
        "two-shards",
        "a realm that the proxy does not know",
        settings("-1", PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.1.#"),
        "the realm of that shard is 1.1.#",
    ),
    (
        "two-shards",
        "one queue for two",
        settings("-1", PROTOCOL_BROKER_QUEUE="swpt_accounts_0"),
        "PROTOCOL_BROKER_QUEUE is swpt_accounts_0 in both",
    ),
    (
        "two-shards",
        "accounts of nobody",
        put(
            lambda x: find(x, "ConfigMap", "apiproxy")["data"],
            **{"apiproxy.conf": "0.# http://accounts-server.swpt-accounts-0:8080"},
        ),
        "belong to no shard",
    ),
    (
        "two-shards",
        "a namespace that is not allowed",
        put(lambda x: find(x, "RabbitmqCluster", "rabbitmq")["metadata"], annotations={}),
        "does not allow the namespace",
    ),
    (
        "production",
        "an unknown field",
        put(lambda x: find(x, "Deployment", "flush-all")["spec"], replica=2),
        "replica",
    ),
]


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [pytest.param(name, change, text, id=f"{name}: {what}") for name, what, change, text in FAULTS],
)
def test_fault_is_found(name: str, change: Change, text: str) -> None:
    found = manifests(name)
    change(found)
    told = list(problems(World(found)))
    assert any(text in line for line in told), told
    for line in told:
        assert "\n" not in line


def test_commands_are_those_of_the_image() -> None:
    assert commands() == COMMANDS | {"help"}
    assert secrets_from_files() == {
        *("POSTGRES_URL", "SQLALCHEMY_DATABASE_URI", "PROTOCOL_BROKER_URL", "CHORES_BROKER_URL"),
        *("CONSOLE_TOKEN", "CONSOLE_ACTIONS_TOKEN"),
        *("CONSOLE_ACTIONS_BROKER_URL", "CONSOLE_ACTIONS_POSTGRES_URL"),
        "PROTOCOL_BROKER_MANAGEMENT_URL",
    }


def test_what_cannot_be_built_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"kustomization\.yaml"):
        build(tmp_path)
    with pytest.raises(BuildError, match="no YAML"):
        parse("a: [")


def test_the_command_tells_each_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "built.yaml"
    path.write_text(build(ROOT / "deploy" / "kubernetes" / "overlays" / "small"))
    monkeypatch.setattr(sys, "argv", ["manifests", str(path)])
    assert main() == 1
    told = capsys.readouterr().err
    assert f"{path}: swpt-accounts: Job configure: there is no Secret accounts-configure" in told
    monkeypatch.setattr(sys, "argv", ["manifests", str(tmp_path / "nowhere")])
    assert main() == 1
    assert "nowhere: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["production", "two-shards"])
def test_secrets_are_all_or_none(name: str, tmp_path: Path) -> None:
    """What is piped to kubectl is nothing, when something is missing."""
    script = str(ROOT / "deploy" / "kubernetes" / "overlays" / name / "make_secrets.sh")
    for words, variables, text in (
        ([], {}, "usage"),
        ([str(ROOT / "docker" / "nodedata")], {}, "S3_ACCESS_KEY_ID"),
        (
            [str(tmp_path)],
            {"S3_ACCESS_KEY_ID": "a", "S3_SECRET_ACCESS_KEY": "b", "S3_REGION": "c"},
            "is not the data folder",
        ),
    ):
        environment = {"PATH": "/usr/bin:/bin", **variables}
        result = subprocess.run(
            [script, *words], env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 1
        assert result.stdout == ""
        assert text in result.stderr


def test_secrets_are_new_each_time_and_without_the_root_key() -> None:
    script = str(ROOT / "deploy" / "kubernetes" / "overlays" / "small" / "make_secrets.sh")
    passwords = set()
    for _ in range(2):
        for manifest in parse(subprocess.check_output([script], text=True)):
            if password := manifest.body["stringData"].get("password"):
                assert len(password) == 32
                passwords.add(password)
    assert len(passwords) == 2 * 6
    data = world("production").data("Secret", "swpt-accounts", "nodedata")
    with tarfile.open(fileobj=BytesIO(data["nodedata.tar.gz"].encode("latin-1"))) as archive:
        names = set(archive.getnames())
    assert {"./server.key", "./db/nodeid", "./peers"} <= names
    assert not any("private" in name or "root-ca.key" in name for name in names)
