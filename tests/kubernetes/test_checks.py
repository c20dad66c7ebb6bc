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
from scripts.manifests.__main__ import main, problems
from scripts.manifests.restricted import quantity
from scripts.manifests.schemas import FIELDS, check_schemas, fields, read_schemas, strict
from scripts.manifests.settings import commands, secrets_from_files
from scripts.manifests.world import BuildError, Manifest, World, build, parse
from tests.docker.test_entrypoint import COMMANDS
from tests.kubernetes.overlays import NAMES, manifests, world

Change = Callable[[list[Manifest]], None]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with_an_overlay(name: str) -> None:
    assert list(problems(world(name), None)) == []


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
    ("production", "no address of the fetch API", settings(FETCH_API_URL=None), "needs FETCH_API"),
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
        "no postgres-url",
    ),
    (
        "production",
        "a URL that is none",
        secret("accounts-worker", **{"protocol-broker-url": "rabbitmq:5672"}),
        "PROTOCOL_BROKER_URL",
    ),
    (
        "production",
        "a user without rights",
        secret("accounts-worker", **{"protocol-broker-url": "amqp://x:y@rabbitmq:5672"}),
        "no Permission is for the user x",
    ),
    ("production", "a file nowhere", put(of("flush-all"), volumeMounts=[]), "no secret is mounted"),
    (
        "production",
        "a path of another image",
        put(lambda x: container(x, "webserver")["readinessProbe"]["httpGet"], path="/health"),
        "webserver has no /health",
    ),
    (
        "production",
        "a port on which nothing listens",
        put(lambda x: container(x, "webserver")["ports"][0], containerPort=80),
        "nothing listens",
    ),
    ("production", "nowhere to write", settings(STATE_DIR="/var/state"), "is in no emptyDir"),
    (
        "production",
        "no port of metrics",
        settings(METRICS_PORT="0"),
        "has no /live on port 9464",
    ),
    ("production", "no bound", put(of("flush-all", "resources"), limits={}), "limit, of memory"),
    (
        "production",
        "more than the bound",
        put(of("flush-all", "resources"), requests={"cpu": "1m", "memory": "1Gi"}),
        "requests more memory",
    ),
    (
        "production",
        "privileges",
        put(of("flush-all", "securityContext"), allowPrivilegeEscalation=True),
        "may gain privileges",
    ),
    (
        "production",
        "a file system to write to",
        put(of("flush-all", "securityContext"), readOnlyRootFilesystem=False),
        "can be written to",
    ),
    (
        "production",
        "a capability",
        put(of("flush-all", "securityContext"), capabilities={"drop": ["ALL"], "add": ["KILL"]}),
        "capabilities",
    ),
    (
        "production",
        "root",
        put(lambda x: pod(x, "Deployment", "flush-all")["securityContext"], runAsUser=None),
        "may run as root",
    ),
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
        "scan_accounts must be one",
    ),
    (
        "production",
        "a number that is not ours",
        put(lambda x: find(x, "Deployment", "consume-messages")["spec"], replicas=2),
        "no replicas",
    ),
    (
        "production",
        "another queue",
        put(
            lambda x: find(x, "ScaledObject", "consume-messages")["spec"]["triggers"][0][
                "metadata"
            ],
            queueName="accounts",
        ),
        "at the queue accounts",
    ),
    (
        "small",
        "too few connections",
        put(
            lambda x: find(x, "Cluster", "postgres")["spec"]["postgresql"]["parameters"],
            max_connections="30",
        ),
        "max_connections",
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
        "a right on the queue of another",
        put(
            lambda x: find(x, "Permission", "worker", "-0")["spec"]["permissions"],
            read="^swpt_accounts.*$",
        ),
        "may read swpt_accounts_1, of another shard",
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
    (
        "production",
        "an unknown field of an operator",
        put(lambda x: find(x, "Cluster", "postgres")["spec"], instance=3),
        "spec.instance is not among",
    ),
    (
        "production",
        "a field of another type",
        put(lambda x: find(x, "Cluster", "postgres")["spec"], instances="3"),
        "should be of the type integer",
    ),
    (
        "production",
        "an unknown word",
        put(
            lambda x: find(x, "Cluster", "postgres")["spec"]["postgresql"]["synchronous"],
            method="all",
        ),
        "should be one of any, first",
    ),
]


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [pytest.param(name, change, text, id=f"{name}: {what}") for name, what, change, text in FAULTS],
)
def test_fault_is_found(name: str, change: Change, text: str) -> None:
    found = manifests(name)
    change(found)
    told = list(problems(World(found), None))
    assert any(text in line for line in told), told
    for line in told:
        assert "\n" not in line


def test_commands_are_those_of_the_image() -> None:
    assert commands() == COMMANDS | {"help"}
    assert secrets_from_files() == {
        *("POSTGRES_URL", "SQLALCHEMY_DATABASE_URI", "PROTOCOL_BROKER_URL", "CHORES_BROKER_URL"),
        *("CONSOLE_TOKEN", "CONSOLE_ACTIONS_TOKEN"),
        *("CONSOLE_ACTIONS_BROKER_URL", "CONSOLE_ACTIONS_POSTGRES_URL"),
    }


@pytest.mark.parametrize(
    ("text", "number"), [("100m", "0.1"), ("2", "2"), ("64Mi", "67108864"), ("1k", "1000")]
)
def test_quantities(text: str, number: str) -> None:
    assert str(quantity(text).normalize() - 0) == number or quantity(text) == float(number)


@pytest.mark.parametrize("text", ["", "64MB", "1i", "-1", "ki"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)


CRD = """
spec:
  group: example.org
  names: {kind: Thing}
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        type: object
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          metadata: {type: object}
          spec:
            type: object
            required: [size]
            properties:
              size: {x-kubernetes-int-or-string: true, type: string}
              mode: {type: string, enum: [fast, slow]}
              free: {type: object, additionalProperties: {type: string}}
"""


def thing(**spec: Any) -> World:
    body = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "it"}}
    return World([Manifest({**body, "spec": spec})])


def test_definitions_of_operators_are_used(tmp_path: Path) -> None:
    (tmp_path / "thing.yaml").write_text(CRD)
    schemas = read_schemas(tmp_path)
    assert list(check_schemas(thing(size=3, mode="fast", free={"a": "b"}), schemas)) == []
    for spec, text in (
        ({"mode": "fast"}, "'size' is a required property"),
        ({"size": 1, "mode": "quick"}, "'quick' is not one of"),
        ({"size": 1, "sise": 2}, "'sise' was unexpected"),
        ({"size": 1, "free": {"a": 1}}, "1 is not of type 'string'"),
    ):
        (problem,) = check_schemas(thing(**spec), schemas)
        assert text in problem
    (problem,) = check_schemas(thing(size=1), {("a/v1", "B"): {}})
    assert "no definition of example.org/v1 Thing" in problem


def test_fields_are_recorded_as_they_are_defined() -> None:
    schema = strict(
        {
            "properties": {
                "mode": {"enum": ["fast", "slow"]},
                "list": {"items": {"properties": {"n": {}}}},
                "free": {"additionalProperties": {}},
            }
        }
    )
    value = {"mode": "fast", "list": [{"n": 1}], "free": {"any.thing": {"deep": True}}}
    assert set(fields(value, schema, "spec")) == {
        *("spec.mode string fast|slow", "spec.list[].n integer", "spec.free.* any")
    }
    assert FIELDS.read_text().splitlines()[-1].startswith("rabbitmq.com/v1beta1 User spec.")


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
    assert len(passwords) == 2 * 5
    data = world("production").data("Secret", "swpt-accounts", "nodedata")
    assert data is not None
    with tarfile.open(fileobj=BytesIO(data["nodedata.tar"].encode("latin-1"))) as archive:
        names = set(archive.getnames())
    assert {"./server.key", "./db/nodeid", "./peers"} <= names
    assert not any("private" in name or "root-ca.key" in name for name in names)
