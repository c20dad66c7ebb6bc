"""What the overlays promise beside that they are accepted."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from agentkit.processes import ROOT
from agentkit.stomp import PROXY_SH
from scripts.manifests.checks import ONE
from scripts.manifests.resources import Manifest
from swpt_accounts.db.backlog import OUTBOXES, QUEUES
from swpt_accounts.observability.metrics.definitions import METRICS
from swpt_accounts.observability.worker_names import FLUSHER, WORKERS
from tests.docker.processes import DOCKER
from tests.kubernetes.overlays import KUBERNETES, NAMES, quantity, world

MIB = 2**20
DEFINITIONS = json.loads((DOCKER / "rabbitmq" / "definitions.json").read_text())
GIVEN = {p["user"]: p for p in DEFINITIONS["permissions"]}


def commands_of(name: str) -> list[str]:
    """What the deployments of an overlay run, with our image."""
    found = (c for c in world(name).ours() if c.pod.owner.kind == "Deployment" and not c.is_init)
    return [container.words[0] for container in found]


def test_each_service_has_a_deployment() -> None:
    services = {*WORKERS, "flush_all", "webserver"} - {FLUSHER}
    assert sorted(commands_of("production")) == sorted(services)
    assert sorted(commands_of("two-shards")) == sorted([*services, *services])
    assert commands_of("small") == ["all"]


@pytest.mark.parametrize("name", NAMES)
def test_upgrades_leave_no_gap(name: str) -> None:
    """Each new pod waits for its migrations beside those that work, but for scans: one reads at a
    time. Whoever answers questions goes on while it is still being asked.
    """
    for container in world(name).ours():
        spec = container.pod.owner.spec
        if container.pod.owner.kind != "Deployment" or container.is_init:
            continue
        (waiting,) = container.pod.spec["initContainers"]
        assert waiting["args"] == ["await_migrations"]
        if container.words[0] in ONE and container.words[0] != "all":
            assert spec["strategy"] == {"type": "Recreate"}
        else:
            assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        if container.words[0] in ("all", "webserver"):
            assert container.body["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
            assert container.pod.spec["terminationGracePeriodSeconds"] >= 5 + 10


@pytest.mark.parametrize("name", NAMES)
def test_the_job_checks_what_it_upgrades_before_it_does(name: str) -> None:
    """With the same settings, secrets and certificates."""
    jobs = [c for c in world(name).ours() if c.pod.owner.name == "configure"]
    checks = [c for c in jobs if c.is_init]
    assert checks
    for check in checks:
        (main,) = check.pod.spec["containers"]
        assert check.body["args"] == ["upgrade", "check"]
        assert check.body["volumeMounts"] == main["volumeMounts"]
        assert check.body["envFrom"] == main["envFrom"]
        given = {one["name"]: one for one in main["env"]}
        given.pop("SETUP_RABBITMQ_BINDINGS")
        assert {one["name"]: one for one in check.body["env"]} == given


def memory(kind: str) -> Iterator[Decimal]:
    """What the parts of the small overlay request, or their limits, in MiB."""
    found = world("small")
    for pod in found.pods():
        if pod.owner.kind == "Deployment":
            for container in pod.spec["containers"]:
                yield quantity(container["resources"][kind]["memory"]) / MIB
    for manifest in found.of_kind("Cluster", "RabbitmqCluster"):
        count = int(manifest.spec.get("instances") or manifest.spec["replicas"])
        yield quantity(manifest.spec["resources"][kind]["memory"]) * count / MIB


def test_the_small_one_fits_into_two_gigabytes() -> None:
    """Beside 576 MiB for Kubernetes and the operators; and a second pod for an upgrade."""
    rest = 2048 - 576
    again = Decimal(256)
    assert sum(memory("requests")) + again <= rest
    assert sum(memory("limits")) <= rest


def test_rights_in_rabbitmq_are_those_of_the_whole_node() -> None:
    found = world("production")
    permissions = {m.name: m.spec["permissions"] for m in found.of_kind("Permission")}
    assert permissions.pop("autoscaler") == {"configure": "^$", "write": "^$", "read": "^$"}
    names = {
        **{n: f"swpt_accounts_{n}" for n in ("config", "worker", "operator", "monitor")},
        "stomp-config": "stomp_config",
        "stomp-server": "stomp_server",
        "stomp-drainer": "stomp_drainer",
        "stomp-client-creditors": "stomp_client_creditors",
        "stomp-client-debtors": "stomp_client_debtors",
    }
    assert permissions == {
        name: {right: GIVEN[user][right] for right in ("configure", "write", "read")}
        for name, user in names.items()
    }


def test_rights_of_a_shard_are_those_with_other_names() -> None:
    for permission in world("two-shards").of_kind("Permission"):
        if (shard := permission.namespace.removeprefix("swpt-accounts-")) not in ("0", "1"):
            continue
        if (user := f"swpt_accounts_{permission.name}") in GIVEN:
            for right, pattern in permission.spec["permissions"].items():
                renamed = re.sub(rf"(swpt_accounts(?:_chores)?)_{shard}", r"\1", pattern)
                assert renamed == GIVEN[user][right], (str(permission), right)


def test_a_shard_has_no_right_on_the_queues_of_another() -> None:
    for permission in world("two-shards").of_kind("Permission"):
        if shard := re.search(r"-([01])$", permission.namespace):
            other = f"swpt_accounts_{1 - int(shard[1])}"
            for pattern in permission.spec["permissions"].values():
                assert not re.search(pattern, other)
                assert not re.search(pattern, f"{other}_chores")


@pytest.mark.parametrize("name", NAMES)
def test_pods_are_restricted_and_bounded(name: str) -> None:
    """What the restricted Pod Security Standard wants, the API server checks; this is more."""
    found = world(name)
    for manifest in found.of_kind("Namespace"):
        assert manifest.labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for container in found.containers():
        spec = container.pod.spec
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec["automountServiceAccountToken"]
        # Else variables for services would be among its settings.
        assert not spec["enableServiceLinks"]
        assert all("sizeLimit" in v["emptyDir"] for v in spec["volumes"] if "emptyDir" in v)
        context, resources = container.body["securityContext"], container.body["resources"]
        assert context["readOnlyRootFilesystem"], str(container)
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        for kind in ("cpu", "memory"):
            requested, limit = (quantity(resources[x][kind]) for x in ("requests", "limits"))
            assert requested <= limit, str(container)


def test_peers_are_those_of_the_data_folder() -> None:
    maps = world("production").of_kind("ConfigMap")
    ids = {m.body["data"]["PEER_ID"] for m in maps if m.name.startswith("stomp-peer")}
    assert ids == {path.name for path in (DOCKER / "nodedata" / "peers").iterdir()}


@pytest.mark.parametrize("name", ["production", "two-shards"])
def test_peers_reach_the_server_through_the_proxy_only(name: str) -> None:
    found = world(name)
    (service,) = (s for s in found.of_kind("Service") if s.name == "stomp-server")
    proxy, server = (
        next(c for c in found.containers() if c.ports.get(port)) for port in ("stomp", "server")
    )
    assert service.spec["ports"][0]["targetPort"] == "stomp"
    assert proxy.pod == server.pod
    assert proxy.body["command"] == ["/bin/sh", "/script/proxy.sh"]
    variables = found.environment(proxy)
    assert variables["STOMP_PROXY_PORT"] == str(proxy.ports["stomp"])
    assert variables["STOMP_PROXY_SERVER"] == f"127.0.0.1:{server.ports['server']}"
    assert found.environment(server)["SWPT_SERVER_PORT"] == str(server.ports["server"])
    policy = found.find("NetworkPolicy", service.namespace, "stomp-server")
    assert policy
    assert policy.spec["ingress"] == [{"ports": [{"port": proxy.ports["stomp"]}]}]
    (scripts,) = (m for m in found.of_kind("ConfigMap") if m.name == "stomp-script")
    assert scripts.body["data"]["proxy.sh"] == PROXY_SH.read_text()
    services = yaml.safe_load((ROOT / "docker-compose-all.yml").read_text())["services"]
    limit = "APP_MAX_CONNECTIONS_PER_PEER"
    assert found.environment(server)[limit] == services["stomp-server"]["environment"][limit]


@pytest.mark.parametrize("name", NAMES)
def test_status_may_ask_for_the_queues_of_peers(name: str) -> None:
    found = world(name)
    users = {u.namespace: u for u in found.of_kind("User") if u.name == "monitor"}
    (rabbitmq,) = found.of_kind("RabbitmqCluster")
    for container in found.ours():
        if container.pod.owner.kind != "Deployment" or container.is_init:
            continue
        namespace = container.pod.owner.namespace
        assert users[namespace].spec["tags"] == ["monitoring"]
        secret = users[namespace].spec["importCredentialsSecret"]["name"]
        user, password = (
            found.value("Secret", namespace, secret, k) for k in ("username", "password")
        )
        url = urlsplit(found.environment(container)["PROTOCOL_BROKER_MANAGEMENT_URL"])
        assert (url.username, url.password, url.port) == (user, password, 15672)
        assert url.hostname == f"rabbitmq.{rabbitmq.namespace}"


def test_operators_declare_nothing_that_the_job_declares() -> None:
    for name in NAMES:
        kinds = {m.kind for m in world(name).manifests if m.group == "rabbitmq.com"}
        assert kinds == {"RabbitmqCluster", "User", "Permission", "Policy"}


def test_the_cache_is_the_one_that_is_tried() -> None:
    copy = KUBERNETES / "components" / "gateway" / "nginx.conf"
    assert copy.read_text() == (DOCKER / "fetch_cache" / "nginx.conf").read_text()


def queries() -> Iterator[str]:
    for name in NAMES:
        for manifest in world(name).of_kind("ScaledObject"):
            for trigger in manifest.spec["triggers"]:
                if trigger["type"] == "prometheus":
                    query = trigger["metadata"]["query"]
                    assert f'namespace="{manifest.namespace}"' in query
                    yield query


def test_what_scales_is_measured() -> None:
    tables = {*QUEUES, *OUTBOXES}
    found = list(queries())
    assert len(found) == 3 * 4 * 2
    for query in found:
        (metric,) = re.findall(r"\bswpt_accounts_\w+(?=\{)", query)
        assert metric in {known.full_name for known in METRICS}
        ((operator, table),) = re.findall(r'table(=~?)"(.+?)"', query)
        chosen = {t for t in tables if (re.fullmatch(table, t) if operator == "=~" else t == table)}
        assert chosen


@pytest.mark.parametrize("name", NAMES)
def test_policies_of_the_network_choose_what_is_there(name: str) -> None:
    """Each of our pods is chosen, and each port that is let in to ours is one of theirs."""
    found = world(name)
    policies = list(found.of_kind("NetworkPolicy"))
    assert {p.namespace for p in policies} == {p.owner.namespace for p in found.pods()}
    for container in found.ours():
        if container.is_init or container.pod.owner.kind == "Job":
            continue
        pod = container.pod
        let_in = {
            port["port"]
            for policy in policies
            if policy.namespace == pod.owner.namespace and chooses(policy, pod.labels)
            for rule in policy.spec.get("ingress", [])
            for port in rule["ports"]
        }
        assert set(container.ports.values()) == let_in, str(container)


def chooses(policy: Manifest, labels: dict[str, str]) -> bool:
    selector: dict[str, Any] = policy.spec["podSelector"]
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def test_no_image_is_of_one_registry_only() -> None:
    for path in KUBERNETES.rglob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            for image in re.findall(r"'image': '([^']+)'", str(document)):
                assert "/" not in image, path


def test_each_component_is_used() -> None:
    text = "".join(path.read_text() for path in KUBERNETES.rglob("kustomization.yaml"))
    for folder in (KUBERNETES / "components").iterdir():
        assert f"components/{folder.name}\n" in text, folder


def test_the_page_names_what_there_is() -> None:
    text = (ROOT / "docs" / "how-to" / "run-on-kubernetes.md").read_text()
    for folder in (KUBERNETES / "components").iterdir():
        assert f"`{folder.name}`" in text, folder
    for name in NAMES:
        assert f"`{name}`" in text
