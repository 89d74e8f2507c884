"""docker-compose.yml: what it names is there, and nothing runs with more than it needs."""

import ipaddress
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from bookrec_site.demo.options import DemoOptions
from bookrec_site.demo.supervision import programs
from bookrec_site.embedded.servers import POSTGRES_VERSION
from bookrec_site.tests.composed import (
    COMPOSE_FILE,
    PROJECT,
    TLS_FILE,
    Composition,
    interpolated,
    merged,
)

SITE = Composition.read()
WITH_TLS = Composition.read(TLS_FILE)
SERVICES = sorted(SITE.services)
# Of the images that are built here; the others are their makers'.
OURS = sorted(name for name in SERVICES if "build" in SITE.services[name].definition)
# Of those, who read the site's settings: Spark's own processes do not.
DJANGO = sorted(name for name in OURS if "BOOKREC_ENV" in SITE.services[name].environment)
# Made by the operator, and never committed.
UNCOMMITTED = ("./deploy/secrets/", "./deploy/tls", "./deploy/acme")


def definition(name: str) -> Any:
    return SITE.services[name].definition


def is_one_shot(name: str) -> bool:
    return definition(name).get("restart") == "no"


def mounts(name: str) -> dict[str, str]:
    """What a service has at which path."""
    pairs = (volume.split(":")[:2] for volume in definition(name).get("volumes", []))
    return {target: source for source, target in pairs}


@pytest.mark.parametrize("over", [(), (TLS_FILE,)], ids=["plain", "tls"])
def test_the_schema_of_compose_is_kept(over: tuple[Path, ...], tmp_path: Path) -> None:
    whole = tmp_path / "compose.yml"
    whole.write_text(yaml.safe_dump(Composition.read(*over).definition))
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", COMPOSE_FILE, *over, whole],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_refuses_what_compose_does_not_know(tmp_path: Path) -> None:
    wrong = merged(yaml.safe_load(COMPOSE_FILE.read_text()), {"services": {"web": {"replica": 2}}})
    path = tmp_path / "compose.yml"
    path.write_text(yaml.safe_dump(wrong))
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", path], capture_output=True, timeout=60
    )
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "x"),
        ("$A-$$A", "x-$A"),
        ("${B:-y}${C:-y}${C-y}", "yy"),
        ("${A:+z}${B:+z}", "z"),
        ("${A:?gone}", "x"),
    ],
)
def test_variables_are_put_in_as_compose_does(text: str, expected: str) -> None:
    assert interpolated(text, {"A": "x", "C": ""}) == expected


@pytest.mark.parametrize("text", ["${B:?gone}", "${A", "${A:~x}"])
def test_what_compose_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        interpolated(text, {"A": "x"})


def test_a_second_file_takes_the_place_of_a_mount_and_adds_a_port() -> None:
    nginx = WITH_TLS.services["nginx"].definition
    servers = [v for v in nginx["volumes"] if v.split(":")[1].endswith("/server.conf.template")]
    assert servers == [
        "./deploy/nginx/tls.conf.template:/etc/nginx/templates/server.conf.template:ro"
    ]
    assert nginx["ports"] == ["127.0.0.1:8080:8080", "0.0.0.0:443:8443"]


@pytest.mark.parametrize("name", ["web", "worker", "training", "beat"])
def test_with_tls_every_process_of_the_site_binds_its_cookies_to_it(name: str) -> None:
    environment = WITH_TLS.services[name].environment
    assert (environment["HTTPS_ONLY"], environment["BEHIND_TLS_PROXY"]) == ("true", "true")


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_can_come_true(name: str) -> None:
    for other, wanted in definition(name).get("depends_on", {}).items():
        if wanted["condition"] == "service_healthy":
            assert SITE.services[other].healthcheck, other
        else:
            assert wanted["condition"] == "service_completed_successfully"
            assert is_one_shot(other), other
        # One that `up` starts none of would be waited for in vain.
        assert definition(other).get("deploy", {}).get("replicas") != 0
        # What is started without being asked for never waits for what is not.
        profiles = set(definition(other).get("profiles", []))
        assert profiles <= set(definition(name).get("profiles", [])), other


def test_nothing_waits_for_itself() -> None:
    def waits_for(name: str, seen: tuple[str, ...] = ()) -> None:
        assert name not in seen, (*seen, name)
        for other in definition(name).get("depends_on", {}):
            waits_for(other, (*seen, name))

    for name in SERVICES:
        waits_for(name)


@pytest.mark.parametrize("name", SERVICES)
def test_all_that_a_service_names_is_there(name: str) -> None:
    whole = SITE.definition
    for source in mounts(name).values():
        if source.startswith("./"):
            assert (PROJECT / source).exists() or source.startswith(UNCOMMITTED), source
        else:
            assert source in whole["volumes"]
    assert set(definition(name).get("networks", [])) <= set(whole["networks"])
    assert set(definition(name).get("secrets", [])) <= set(whole["secrets"])


def test_nothing_is_declared_in_vain() -> None:
    whole = SITE.definition
    for kind in ("volumes", "networks", "secrets"):
        used = {
            item.split(":")[0]
            for service in whole["services"].values()
            for item in service.get(kind, [])
        }
        assert set(whole[kind]) <= used, kind


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_power_than_it_needs(name: str) -> None:
    given = definition(name)
    user, _, group = given["user"].partition(":")
    assert int(user) > 0, name
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert given["init"] is True
    assert not {"privileged", "cap_add", "pid", "network_mode", "devices"} & set(given)
    assert re.fullmatch(r"\d+[mg]", given["deploy"]["resources"]["limits"]["memory"])
    assert any(place.split(":")[0] == "/tmp" for place in given["tmpfs"])


@pytest.mark.parametrize("name", ["spark-master", "spark-worker", "spark-train"])
def test_spark_may_load_the_libraries_that_it_unpacks(name: str) -> None:
    """Docker mounts a tmpfs noexec, and zstd-jni and snappy unpack theirs into /tmp."""
    (place,) = definition(name)["tmpfs"]
    path, _, options = place.partition(":")
    assert path == "/tmp"
    assert {"exec", "mode=1777"} <= set(options.split(","))


def test_a_backup_and_a_restore_meet_the_database_as_it_is() -> None:
    """A restore wants an empty one, and the backup before an upgrade must not migrate."""
    assert definition("backup")["depends_on"] == {"postgres": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_whether_it_is_well_or_ends(name: str) -> None:
    if is_one_shot(name):
        assert not SITE.services[name].healthcheck
    else:
        assert SITE.services[name].healthcheck
        assert definition(name)["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    repository, _, tag = definition(name)["image"].rpartition(":")
    if name in OURS:
        assert tag == "local"
        assert f"AS {definition(name)['build']['target']}\n" in (PROJECT / "Dockerfile").read_text()
    else:
        # PostgreSQL's versions have two parts, everybody else's three.
        assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?", tag), tag
        assert tag.count(".") == (1 if repository == "postgres" else 2)


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_written_down(name: str) -> None:
    given = definition(name)
    for key, value in SITE.services[name].environment.items():
        if re.search("SECRET|PASSWORD|TOKEN|_KEY$", key.removesuffix("_FILE")):
            assert key.endswith("_FILE"), key
            assert value.startswith("/run/secrets/"), key
            assert value.removeprefix("/run/secrets/") in given["secrets"]
        assert not re.search(r"://[^/@]*:[^/@]*@", value), key
    assert "args" not in given.get("build", {})


def test_secrets_are_files_that_no_commit_and_no_image_holds() -> None:
    for secret in SITE.definition["secrets"].values():
        assert secret["file"].startswith("./deploy/secrets/")
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    assert {"/deploy/secrets/", "/deploy/tls/", "/deploy/site.env", "/.env"} <= set(ignored)
    sent = (PROJECT / ".dockerignore").read_text().splitlines()
    rules = [line for line in sent if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert not [rule for rule in rules if rule.startswith("!deploy") or rule.startswith("!.")]


def owned_folders() -> set[str]:
    """What the images make below /srv for their user."""
    (run,) = re.findall(
        r"install --directory(.*?)\n[A-Z]", (PROJECT / "Dockerfile").read_text(), re.S
    )
    return set(re.findall(r"/srv/\w+", run))


@pytest.mark.parametrize("name", OURS)
def test_what_the_site_writes_is_in_a_volume_that_it_may_write_to(name: str) -> None:
    owned = owned_folders()
    assert set(mounts(name)) <= owned
    for key, value in SITE.services[name].environment.items():
        if value.startswith("/") and not key.endswith("_FILE"):
            folder = "/".join(value.split("/")[:3])
            assert folder in owned or value.startswith("/tmp/"), key
    # The first to use a volume gives it its owner: an image of ours, all have the same folders.
    if name in DJANGO:
        assert set(mounts(name).values()) <= set(mounts("migrate").values())


def test_who_uses_the_site_s_volumes_waits_until_they_have_an_owner() -> None:
    ours = {source for name in OURS for source in mounts(name).values()}

    def waits_for(name: str) -> set[str]:
        first = set(definition(name).get("depends_on", {}))
        return first.union(*(waits_for(other) for other in first))

    for name in SERVICES:
        if name not in OURS and ours & set(mounts(name).values()):
            assert "migrate" in waits_for(name), name


@pytest.mark.parametrize(
    "name", ["web", "worker", "training", "import", "spark-train", "export", "backup"]
)
def test_who_serves_or_trains_has_what_was_trained(name: str) -> None:
    places = mounts(name)
    assert places["/srv/artifacts"] == "artifacts"
    assert places["/srv/metrics"] == "metrics"
    is_reader = name in ("web", "export")
    assert ("artifacts:/srv/artifacts:ro" in definition(name)["volumes"]) == is_reader


def test_every_queue_has_a_worker_and_beat_is_alone() -> None:
    queues = {settings.CELERY_TASK_DEFAULT_QUEUE} | {
        route["queue"] for route in settings.CELERY_TASK_ROUTES.values()
    }
    served = []
    for service in SITE.services.values():
        command = list(service.command)
        if "worker" in command and "--queues" in command:
            served.append(command[command.index("--queues") + 1])
    assert sorted(served) == sorted(queues)
    # Compose makes no second container of a service with a name.
    assert definition("beat")["container_name"] == "bookrec-beat"
    assert "replicas" not in definition("beat")["deploy"]
    assert [name for name, s in SITE.services.items() if "beat" in s.command] == ["beat"]


def test_workers_and_beat_are_run_as_in_the_demo(tmp_path: Path) -> None:
    options = DemoOptions(host="127.0.0.1", port=8000, local_dir=tmp_path, password=None)
    demo = {program.name: program for program in programs(options, ())}
    for name in ("worker", "training", "beat"):
        own = [part for part in SITE.services[name].command if part != "--pidfile="]
        if demo[name].niceness:
            assert own[:3] == ["nice", "-n", str(demo[name].niceness)]
            own = own[3:]
        # Compared as sets: no option of one has the value of another.
        assert set(own) == set(demo[name].arguments)
        assert len(own) == len(demo[name].arguments)
        assert f"SIG{demo[name].stop_signal}" == SITE.services[name].stop_signal.name
    web = list(SITE.services["web"].command)
    asked = list(demo["web"].arguments)
    differ = {"--bind", "--graceful-timeout"}
    pairs = dict(zip(web, [*web[1:], ""], strict=True))
    for option, value in zip(asked, [*asked[1:], ""], strict=True):
        if option.startswith("--") and option not in differ:
            assert option in pairs
            assert value.startswith("--") or not value or pairs[option] == value, option


def test_postgres_keeps_its_data_where_its_major_version_puts_it() -> None:
    image = definition("postgres")["image"]
    assert image.startswith(f"postgres:{POSTGRES_VERSION}.")
    # From 18 on: one level above, the image makes 18/docker below it.
    assert mounts("postgres") == {"/var/lib/postgresql": "postgres"}


def test_databases_are_reached_by_the_site_alone() -> None:
    assert SITE.definition["networks"]["data"]["internal"] is True
    for name in ("postgres", "redis"):
        assert definition(name)["networks"] == ["data"]
        assert "ports" not in definition(name)
    others = [name for name in SERVICES if name not in OURS and name not in ("postgres", "redis")]
    assert not [name for name in others if "data" in definition(name).get("networks", [])]


def test_the_site_believes_nginx_and_not_the_gateway() -> None:
    (network,) = SITE.definition["networks"]["front"]["ipam"]["config"]
    subnet = ipaddress.ip_network(network["subnet"])
    given_out = ipaddress.ip_network(network["ip_range"])
    address = ipaddress.ip_address(definition("nginx")["networks"]["front"]["ipv4_address"])
    assert given_out.subnet_of(subnet)
    assert address in subnet and address not in given_out
    assert address != subnet[1]
    for name in DJANGO:
        assert SITE.services[name].environment["TRUSTED_PROXIES"] == str(address)


def test_nothing_is_published_beyond_this_host_before_there_is_tls() -> None:
    for name in SERVICES:
        for port in definition(name).get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_a_container_has_longer_to_stop_than_its_requests_have() -> None:
    def seconds(text: str) -> int:
        return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]

    web = list(SITE.services["web"].command)
    graceful = int(web[web.index("--graceful-timeout") + 1])
    assert seconds(definition("web")["stop_grace_period"]) > graceful
    timeout = int(web[web.index("--timeout") + 1])
    nginx = (PROJECT / "deploy" / "nginx" / "site.conf.template").read_text()
    read = re.search(r"proxy_read_timeout (\d+)s;", nginx)
    assert read is not None
    assert int(read[1]) > timeout


def test_nginx_lets_the_largest_upload_of_the_site_through() -> None:
    limit = SITE.services["nginx"].environment["NGINX_MAX_BODY"]
    assert limit.endswith("m")
    assert int(limit[:-1]) * 2**20 > settings.LIBRARY_IMPORT_MAX_BYTES


def test_prometheus_and_grafana_are_told_where_to_look() -> None:
    deploy = PROJECT / "deploy"
    (job,) = yaml.safe_load((deploy / "prometheus" / "prometheus.yml").read_text())[
        "scrape_configs"
    ]
    port = SITE.services["nginx"].environment["NGINX_LISTEN_INTERNAL"]
    assert job["static_configs"] == [{"targets": [f"nginx:{port}"]}]
    assert job["authorization"]["credentials_file"] == "/run/secrets/metrics_token"
    grafana = deploy / "grafana" / "provisioning"
    (source,) = yaml.safe_load((grafana / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((grafana / "dashboards" / "bookrec.yml").read_text())["providers"]
    folder = provider["options"]["path"]
    assert mounts("grafana")[f"{folder}/bookrec.json"] == "./docs/grafana.json"
    # A dashboard of a file is not asked for its data source as an imported one is.
    assert "__inputs" not in (PROJECT / "docs" / "grafana.json").read_text()
