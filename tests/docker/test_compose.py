"""The compose files agree with what they put together."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from agentkit.processes import ROOT
from agentkit.stomp import PROXY_SH
from swpt_accounts.settings import load_settings
from swpt_accounts.settings.description import SETTINGS
from tests.docker.processes import DOCKER
from tests.docker.test_entrypoint import COMMANDS

FILES = ("docker-compose.yml", "docker-compose-all.yml")
FROM = re.compile(r"^FROM \S+(?: AS (\S+))?$", re.MULTILINE)
# What the entrypoint knows beside the settings, and what the tests ask for.
OTHER_VARIABLES = {"TEST_POSTGRES_URL", "TEST_BROKER_URL", "TEST_BROKER_MANAGEMENT_URL"}


def read(file: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / file).read_text())["services"])


SERVICES = {(file, name): s for file in FILES for name, s in read(file).items()}
OURS = {key: s for key, s in SERVICES.items() if s["image"].startswith("swpt_accounts")}
ALL = read("docker-compose-all.yml")


def ids(key: tuple[str, str]) -> str:
    return f"{key[0].removesuffix('.yml')}:{key[1]}"


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """What the container gets: the file of the template, and then its own."""
    text = (ROOT / "development.env").read_text() if service.get("env_file") else ""
    return {
        **dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE)),
        **service.get("environment", {}),
    }


@pytest.mark.parametrize("key", OURS, ids=ids)
def test_command_exists(key: tuple[str, str]) -> None:
    command = OURS[key].get("command", "all").split()[0]
    assert command in COMMANDS | {"true", "python"}


def test_commands_of_the_documents_name_services() -> None:
    """docker/verify runs these commands."""
    for page in ("README.md", "docs/operations.md"):
        text = (ROOT / page).read_text("utf-8").replace("\\\n", "")
        command = r"^    docker compose -f docker-compose-all.yml (run|exec) (.*)"
        found = re.findall(command, text, re.MULTILINE)
        assert {verb for verb, _ in found} == {"run", "exec"}
        assert [words for _, words in found if not ALL.keys() & set(words.split())] == []


@pytest.mark.parametrize("key", OURS, ids=ids)
def test_environment_is_right(key: tuple[str, str]) -> None:
    environment = environment_of(OURS[key])
    known = {setting.variable for setting in SETTINGS.values()} | OTHER_VARIABLES
    assert set(environment) <= known
    assert all(isinstance(value, str) for value in environment.values())
    load_settings(environment)


@pytest.mark.parametrize("key", OURS, ids=ids)
def test_target_exists(key: tuple[str, str]) -> None:
    stages = FROM.findall((ROOT / "Dockerfile").read_text())
    build = OURS[key]["build"]
    target = build.get("target", stages[-1]) if isinstance(build, dict) else stages[-1]
    assert target in stages
    # Each name of an image is built from one target.
    assert (target == "tests") == (OURS[key]["image"] == "swpt_accounts_tests")


@pytest.mark.parametrize("key", SERVICES, ids=ids)
def test_addresses_are_services(key: tuple[str, str]) -> None:
    """Or the docker host, in the variables that are substituted."""
    service = SERVICES[key]
    environment = environment_of(service)
    substituted = environment.get("SUBSTITUTE_LOCALHOST_IN_VARS", "").split()
    for name, value in environment.items():
        host = urlsplit(value).hostname if "://" in value else None
        if name in substituted and host == "localhost":
            continue
        if host is not None and not (key[0] == FILES[0] and name == "FETCH_API_URL"):
            assert host in read(key[0]), name


@pytest.mark.parametrize("key", SERVICES, ids=ids)
def test_mounted_files_exist(key: tuple[str, str]) -> None:
    for volume in SERVICES[key].get("volumes", ()):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), source


@pytest.mark.parametrize("key", SERVICES, ids=ids)
def test_nobody_starts_by_luck(key: tuple[str, str]) -> None:
    """Who needs somebody waits for what can be waited for."""
    services = read(key[0])
    for name, dependency in SERVICES[key].get("depends_on", {}).items():
        needed = services[name]
        is_one_off = re.match(r"configure\b|configure-queue\b", needed.get("command", ""))
        has_check = "healthcheck" in needed and "disable" not in needed["healthcheck"]
        if is_one_off:
            expected = "service_completed_successfully"
        else:
            expected = "service_healthy" if has_check else "service_started"
        assert dependency["condition"] == expected


@pytest.mark.parametrize("key", [key for key in OURS if key[0] == FILES[1]], ids=ids)
def test_containers_of_production_can_do_nothing_but_their_work(key: tuple[str, str]) -> None:
    service = OURS[key]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service


def test_development_database_is_on_port_5433() -> None:
    (port,) = read(FILES[0])["pg"]["ports"]
    assert port.split(":")[-2:] == ["5433", "5432"]


def test_peers_are_those_of_the_data_folder() -> None:
    known = {path.name for path in (DOCKER / "nodedata" / "peers").iterdir()}
    clients = [s["command"].split() for s in ALL.values() if "swpt_stomp" in s["image"]]
    for program in ("swpt-client", "swpt-drainer", "configure-queue"):
        named = [words[1:] for words in clients if words[0] == program]
        assert {peer_id for peer_id, _ in named} == known
        assert all(queue == f"aa.{peer_id}" for peer_id, queue in named)
    assert ["swpt-server"] in clients


def test_stomp_containers_find_the_data_folder() -> None:
    environment = ALL["stomp-server"]["environment"]
    volume, _ = ALL["stomp-server"]["volumes"]
    source, target, mode = volume.split(":")
    assert mode == "ro"
    assert environment["SWPT_NODEDATA_URL"] == f"file://{target}"
    for name in ("SWPT_SERVER_CERT", "SWPT_SERVER_KEY"):
        assert (ROOT / source / Path(environment[name]).relative_to(target)).exists()


def test_peers_reach_the_servers_through_the_proxy_only() -> None:
    servers = {n: s for n, s in ALL.items() if s.get("command") == "swpt-server"}
    assert len(servers) == 2
    proxy = ALL["stomp-proxy"]
    assert set(proxy["depends_on"]) == set(servers)
    host, _, port = proxy["environment"]["STOMP_PROXY_SERVER"].partition(":")
    for server in servers.values():
        assert "ports" not in server
        assert server["environment"]["SWPT_SERVER_PORT"] == port
        assert server["networks"] == {"default": {"aliases": [host]}}
    assert proxy["ports"] == [f"1234:{proxy['environment']['STOMP_PROXY_PORT']}"]
    cache = ALL["fetch-cache"]
    for key in ("image", "user", "read_only", "tmpfs", "cap_drop", "security_opt"):
        assert proxy[key] == cache[key]
    (volume,) = proxy["volumes"]
    assert (ROOT / volume.split(":")[0]).resolve() == PROXY_SH
    assert proxy["command"] == f"/bin/sh {volume.split(':')[1]}"


def test_rabbitmq_has_its_plugins() -> None:
    text = (DOCKER / "rabbitmq" / "enabled_plugins").read_text()
    plugins = re.fullmatch(r"\[(.*)\]\.\n", text)
    assert plugins is not None
    assert set(plugins[1].split(",")) == {
        "rabbitmq_management",
        "rabbitmq_prometheus",
        "rabbitmq_random_exchange",
    }


def test_questions_go_through_the_cache_and_the_proxy_to_the_shard() -> None:
    server = environment_of(ALL["accounts-server"])
    assert server["FETCH_API_URL"] == "http://fetch-cache:8080"
    nginx = (DOCKER / "fetch_cache" / "nginx.conf").read_text()
    assert re.search(r"listen (\d+);", nginx)[1] == "8080"  # type: ignore[index]
    proxy = ALL["apiproxy"]["environment"]
    assert f"server apiproxy:{proxy['APIPROXY_PORT']};" in nginx
    line = (DOCKER / "apiproxy" / "one_shard.conf").read_text()
    assert line == f"# http://accounts-server:{server.get('WEBSERVER_PORT', '8080')}\n"


def test_development_env_is_copied_as_the_file_says() -> None:
    assert {s.get("env_file") for (file, _), s in OURS.items() if file == FILES[0]} == {
        ".env",
        None,
    }
    assert not (ROOT / "development.env").read_text().startswith("export")
