"""What deploy/ offers for containers, Kubernetes and systemd is valid, and says what the binary understands."""
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import harness

DEPLOY = harness.ROOT / "deploy"
PYTHON = harness.ROOT / "build" / "python"
sys.path.append(str(PYTHON))
DRAIN_S = 25  # pipeline.drain_timeout
ROLES = {"api", "router", "scheduler", "worker"}
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS = sorted(file for file in (DEPLOY / "systemd").iterdir() if file.suffix in (".service", ".target"))


def yaml_documents(file):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not in build/python: tools/install_dependencies.sh test")
    return list(yaml.safe_load_all(file.read_text()))


def program(name):
    """A checker of build/python, as the start of a command."""
    file = PYTHON / "bin" / name
    if not file.exists():
        pytest.skip(f"{name} is not in build/python: tools/install_dependencies.sh test")
    is_script = file.read_bytes().startswith(b"#!")
    return [sys.executable, file] if is_script else [file]


def check(*words):
    environment = {**os.environ, "PYTHONPATH": str(PYTHON)}
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def known_settings(tmp_path_factory):
    """The environment variables that the binary knows."""
    folder = tmp_path_factory.mktemp("reference")
    harness.run("reference", str(folder))
    names = set(re.findall(r"`(CARILLON_\w+)`", (folder / "settings.md").read_text()))
    assert "CARILLON_STORE_URL" in names
    return names | {"CARILLON_DATA", "CARILLON_CONFIG"}


# ---- whatever runs it

@pytest.mark.parametrize("file", [file for file in sorted(DEPLOY.rglob("*")) if file.is_file()],
                         ids=lambda file: str(file.relative_to(DEPLOY)))
def test_every_setting_named_exists(file, known_settings):
    # Debezium's, not this binary's.
    named = set(re.findall(r"\bCARILLON_[A-Z_]+[A-Z]\b", file.read_text())) - {"CARILLON_OUTBOX_PASSWORD"}
    assert named <= known_settings, f"{file.name} names {sorted(named - known_settings)}, which nothing reads"


def settings_of(file):
    """What a file gives every process."""
    if file.suffix == ".example":
        return dict(line.split("=", 1) for line in file.read_text().splitlines() if line and line[0] != "#")
    [document] = yaml_documents(file)
    return document["data"] if "data" in document else document["services"]["router"]["environment"]


@pytest.mark.parametrize("name", ["compose/compose.yaml", "kubernetes/config.yaml", "systemd/cluster.env.example"])
def test_topics_are_read_wherever_there_is_a_kafka(name, tmp_path):
    given = settings_of(DEPLOY / name)
    assert given["CARILLON_QUEUE_URL"].startswith("kafka://")
    topics = given["CARILLON_KAFKA_TOPICS"]
    assert "notification.events=" in topics
    # The binary understands it, and misses the brokers only.
    done = harness.run("doctor", "--data", tmp_path, "--json", environment={"CARILLON_KAFKA_TOPICS": topics})
    said = [each["detail"] for each in done.json["checks"] if each["check"] == "kafka.topics"]
    assert said == ["topics are at the brokers of queue.url, which names none"]


# ---- containers

def test_the_dockerfile_is_clean():
    check(*program("hadolint"), DEPLOY / "Dockerfile")


def test_the_image_runs_as_nobody_and_from_a_stage_without_compilers():
    stages = re.split(r"^FROM ", (DEPLOY / "Dockerfile").read_text(), flags=re.M)[1:]
    assert len(stages) == 2 and "install_dependencies" not in stages[-1]
    assert re.search(r"^USER 10001:10001$", stages[-1], re.M)
    for script in re.findall(r"(tools/\w+\.sh)", stages[0]):
        assert (harness.ROOT / script).exists()


def test_the_health_check_of_the_image_works(server):
    """The very words of the Dockerfile, on a server that is there and on a port where none is."""
    text = (DEPLOY / "Dockerfile").read_text()
    words = json.loads(re.search(r"^HEALTHCHECK.*?CMD (\[.*?\])$", text, re.M | re.S)[1])

    def healthy(port):
        environment = {**os.environ, "CARILLON_SERVER_LISTEN": f"0.0.0.0:{port}"}
        return subprocess.run(words, env=environment, capture_output=True, timeout=10).returncode == 0
    assert healthy(server.port)
    port = server.port
    server.stop()
    assert not healthy(port)


def test_the_compose_file_is_valid_and_whole():
    file = DEPLOY / "compose" / "compose.yaml"
    check(*program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", file)
    [compose] = yaml_documents(file)
    ours = {name: service for name, service in compose["services"].items() if service.get("build")}
    assert {service["command"][0] for service in ours.values()} == ROLES
    assert [s["command"][0] for s in ours.values()].count("worker") == 2
    folders = [v for s in ours.values() for v in s["volumes"] if v.endswith(":/var/lib/carillon")]
    assert len(set(folders)) == len(ours), "each process has a data folder of its own"
    for name, service in ours.items():
        assert int(service["stop_grace_period"].rstrip("s")) > DRAIN_S, name
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert set(service["depends_on"]) <= set(compose["services"])
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"], volume
    asked = set(re.findall(r"\$\{(\w+)", file.read_text()))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / "compose" / ".env.example").read_text(), re.M))
    assert asked == offered


# ---- Kubernetes

def objects():
    found = {}
    for file in MANIFESTS:
        for thing in yaml_documents(file):
            found.setdefault(file.name, []).append(thing)
    return found


@pytest.mark.parametrize("file", [f for f in MANIFESTS if f.name not in ("keda.yaml", "kustomization.yaml")],
                         ids=lambda file: file.name)
def test_manifests_are_what_kubernetes_takes(file):
    out = check(*program("kubernetes-validate"), "--strict", file)
    assert out.count(" passed ") == len(yaml_documents(file)), out


def workloads():
    return {thing["metadata"]["name"]: thing for things in objects().values() for thing in things
            if thing["kind"] in ("Deployment", "StatefulSet")}


def test_every_role_runs_safely_and_drains():
    found = workloads()
    assert {name.removeprefix("carillon-") for name in found} == ROLES
    for name, workload in found.items():
        pod = workload["spec"]["template"]["spec"]
        [container] = pod["containers"]
        assert container["args"][0] == name.removeprefix("carillon-")
        asked = {probe: container[probe]["httpGet"]["path"] for probe in
                 ("startupProbe", "livenessProbe", "readinessProbe")}
        assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
        before_s = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
        assert pod["terminationGracePeriodSeconds"] > before_s + DRAIN_S, name
        assert pod["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts["data"] == "/var/lib/carillon"
    for name in ("carillon-api", "carillon-worker"):  # what they keep must come back with them
        assert found[name]["kind"] == "StatefulSet"
        assert found[name]["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] == "data"


def test_whatever_points_at_a_workload_points_at_one():
    found = workloads()
    labels = [workload["spec"]["template"]["metadata"]["labels"] for workload in found.values()]
    budgets = set()
    for things in objects().values():
        for thing in things:
            spec = thing.get("spec", {})
            if "scaleTargetRef" in spec:
                target = spec["scaleTargetRef"]
                assert found[target["name"]]["kind"] == target["kind"]
                assert "replicas" not in found[target["name"]]["spec"], "two would decide"
            selector = spec["selector"] if thing["kind"] == "Service" else spec.get("selector", {}).get("matchLabels")
            if thing["kind"] in ("Service", "PodDisruptionBudget"):
                assert [have for have in labels if selector.items() <= have.items()], thing["metadata"]["name"]
            if thing["kind"] == "PodDisruptionBudget":
                budgets.add(thing["metadata"]["name"])
    assert budgets == set(found)
    [kustomization] = objects()["kustomization.yaml"]
    for name in kustomization["resources"]:
        assert (DEPLOY / "kubernetes" / name).exists()


def test_workers_follow_a_metric_that_exists(server):
    exported = harness.request(server.url + "/metrics").text
    for name in ("keda.yaml", "hpa.yaml"):
        metric = "carillon_queue_oldest_age_seconds"
        assert metric in (DEPLOY / "kubernetes" / name).read_text()
        assert f'{metric}{{queue="push.ios",priority="bulk"}}' in exported or \
            re.search(rf'^{metric}{{.*priority="bulk".*}}', exported, re.M)


# ---- systemd

def analyze():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    return "systemd-analyze"


@pytest.fixture
def units(tmp_path):
    """The units as they would be installed, with this binary."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/local/bin/carillon", str(harness.BINARY)))
    return tmp_path


def test_systemd_understands_the_units(units):
    for name in ("carillon.service", "carillon@worker-1.service", "carillon-cluster.target"):
        done = subprocess.run([analyze(), "verify", "--man=no", "--recursive-errors=no", name], cwd=units,
                              env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}, capture_output=True, text=True,
                              timeout=60)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "carillon" in line]
        assert done.returncode == 0 and not said, said


def test_the_units_are_hardened_and_drain(units):
    for unit in UNITS:
        if unit.suffix != ".service":
            continue
        check(analyze(), "security", "--offline=true", "--threshold=20", units / unit.name)
        text = unit.read_text()
        assert int(re.search(r"^TimeoutStopSec=(\d+)$", text, re.M)[1]) > DRAIN_S
        for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "User=carillon", "StateDirectoryMode=0700"):
            assert f"\n{line}\n" in text, f"{unit.name}: {line}"


def test_the_command_of_a_unit_is_one_of_the_binary(tmp_path):
    """The words that systemd would run, up to the settings: it asks for what several processes share."""
    unit = (DEPLOY / "systemd" / "carillon@.service").read_text()
    line = re.search(r"^ExecStart=/usr/local/bin/carillon (.*)$", unit, re.M)[1]
    example = dict(line.split("=", 1) for line in (DEPLOY / "systemd" / "NAME.env.example").read_text().splitlines()
                   if not line.startswith("#"))
    words = []
    for word in line.split():
        words += example["ROLE"].split() if word == "$ROLE" else [
            word.replace("${LISTEN}", example["LISTEN"]).replace("/var/lib/carillon/%i", str(tmp_path / "data"))]
    done = harness.run(*words)
    assert done.code == 2 and "store.url" in done.err, done
