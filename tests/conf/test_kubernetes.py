"""The Kubernetes manifests as kubectl renders them: valid, restricted, fitting together, and with no way out for raw
records. Where Fluent Bit is there, the two configurations in them run for real."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from forward_peers import Sidecar, free_port, wait_for
from samples import KEY_FILE, ROOT, SAMPLES
from veilog_filters.config import Config, HashKey, load_config
from veilog_filters.errors import ConfigError
from veilog_filters.fingerprint import load_key, new_key

FOLDER = ROOT / "conf" / "kubernetes"
OVERLAYS = ("sidecar", "daemonset")
KUBERNETES = "1.31"
CHAT = SAMPLES / "openai_gateway" / "good_chat.in.json"

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the path")
needs_fluent_bit = pytest.mark.skipif(shutil.which("fluent-bit") is None, reason="fluent-bit is not on the path")


class Rendered:
    """An overlay's objects, and what the tests ask of them."""

    def __init__(self, overlay: str) -> None:
        command = ["kubectl", "kustomize", str(FOLDER / "overlays" / overlay)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        self.objects: list[dict[str, Any]] = list(yaml.safe_load_all(done.stdout))
        (self.workload,) = (o for o in self.objects if o["kind"] in ("Deployment", "DaemonSet"))
        self.pod: dict[str, Any] = self.workload["spec"]["template"]["spec"]

    def one(self, kind: str) -> dict[str, Any]:
        (found,) = (o for o in self.objects if o["kind"] == kind)
        return found

    def container(self, name: str) -> dict[str, Any]:
        (found,) = (c for c in self.pod["containers"] if c["name"] == name)
        return dict(found)

    def volume(self, name: str) -> dict[str, Any]:
        (found,) = (v for v in self.pod["volumes"] if v["name"] == name)
        return dict(found)

    def mounted(self, container: str, path: str) -> str:
        """The text of a file as a container sees it, out of the ConfigMap that is mounted there."""
        folder, _, name = path.rpartition("/")
        (mount,) = (m for m in self.container(container)["volumeMounts"] if m["mountPath"] == folder)
        config_map = self.volume(mount["name"])["configMap"]["name"]
        (found,) = (o for o in self.objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == config_map)
        return str(found["data"][name])

    def veilog_text(self) -> str:
        arguments = self.container("veilog")["args"]
        return self.mounted("veilog", arguments[arguments.index("--config") + 1])

    def veilog(self, folder: Path) -> Config:
        file = folder / "veilog.yaml"
        file.write_text(self.veilog_text(), encoding="utf-8")
        return load_config(file)

    def fluent_bit_text(self) -> str:
        (argument,) = self.container("fluent-bit")["args"]
        return self.mounted("fluent-bit", argument.removeprefix("--config="))

    def fluent_bit(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.fluent_bit_text()))


@pytest.fixture(params=OVERLAYS)
def rendered(request: pytest.FixtureRequest) -> Rendered:
    return Rendered(request.param)


def test_every_object_is_valid(rendered: Rendered) -> None:
    import kubernetes_validate

    for found in rendered.objects:
        kubernetes_validate.validate(found, KUBERNETES, strict=True)
    example = yaml.safe_load((FOLDER / "base" / "secret.example.yaml").read_text())
    kubernetes_validate.validate(example, KUBERNETES, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**rendered.workload, "unknown": 1}, KUBERNETES, strict=True)


def test_pod_and_containers_are_restricted(rendered: Rendered) -> None:
    pod = rendered.pod
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert isinstance(context["runAsUser"], int)
    assert context["runAsUser"] >= 10_000, "no user of the node has this id"
    assert context["runAsGroup"] >= 10_000
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert rendered.one("ServiceAccount")["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == rendered.one("ServiceAccount")["metadata"]["name"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
    assert {c["name"] for c in pod["containers"]} >= {"veilog", "fluent-bit"}
    for container in pod["containers"]:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["privileged"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert not {"runAsUser", "runAsNonRoot", "seccompProfile"} & own.keys(), "the pod's values hold"
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
        repository, _, tag = container["image"].rpartition(":")
        assert repository
        assert tag[0].isdigit(), "a full version"
        assert tag.count(".") == 2


def test_what_is_written_to_is_a_bounded_volume_of_the_pod(rendered: Rendered) -> None:
    for volume in rendered.pod["volumes"]:
        if "emptyDir" in volume:
            assert volume["emptyDir"]["sizeLimit"]
    for container in rendered.pod["containers"]:
        for mount in container["volumeMounts"]:
            if not mount.get("readOnly"):
                assert "emptyDir" in rendered.volume(mount["name"]), mount


def test_only_clean_events_have_a_way_out(rendered: Rendered) -> None:
    pipeline = rendered.fluent_bit()["pipeline"]
    to_veilog = [o for o in pipeline["outputs"] if o["match"] == "raw.*"]
    assert [o["name"] for o in to_veilog] == ["forward"]
    assert to_veilog[0]["host"] == "127.0.0.1"
    final = [o for o in pipeline["outputs"] if o is not to_veilog[0]]
    assert final
    for output in final:
        assert output["match"] == "clean.*"
        assert "match_regex" not in output
    for source in pipeline["inputs"]:
        if source["name"] == "forward":
            assert source["listen"] == "127.0.0.1"
            assert not {"tag", "tag_prefix"} & source.keys(), "what comes back keeps the tag that veilog gave it"
        else:
            assert source["name"] == "tail", "its clients may not choose the tag"
            assert source["tag"].startswith("raw.")
    assert "filters" not in pipeline, "none can change a tag"


def test_the_daemonset_does_not_read_what_it_writes() -> None:
    (tail,) = (i for i in Rendered("daemonset").fluent_bit()["pipeline"]["inputs"] if i["name"] == "tail")
    excluded = tail["exclude_path"].split(",")
    for container in ("veilog", "fluent-bit"):
        log = f"/var/log/containers/llm-gateway-7c9f_ai_{container}-{'0a' * 32}.log"
        assert fnmatch(log, tail["path"])
        assert any(fnmatch(log, pattern) for pattern in excluded)
    application = f"/var/log/containers/llm-gateway-7c9f_ai_llm-gateway-{'0a' * 32}.log"
    assert fnmatch(application, tail["path"])
    assert not any(fnmatch(application, pattern) for pattern in excluded)


def test_ports_and_times_fit_together(rendered: Rendered, tmp_path: Path) -> None:
    sidecar = rendered.veilog(tmp_path).sidecar
    pipeline = rendered.fluent_bit()["pipeline"]
    (there,) = (o for o in pipeline["outputs"] if o["name"] == "forward")
    (back,) = (i for i in pipeline["inputs"] if i["name"] == "forward")
    assert sidecar.listen.tcp == f"{there['host']}:{there['port']}"
    assert [place.address for place in sidecar.forward] == [f"{back['listen']}:{back['port']}"]
    assert sidecar.tag.replace("{tag}", "raw.x") == "clean.raw.x"
    assert there["require_ack_response"] is True
    assert there["retry_limit"] is False
    assert there["net.io_timeout"] == "30s"
    assert sidecar.ack_timeout_secs < 30
    assert all(source["storage.type"] == "filesystem" for source in pipeline["inputs"])
    grace_secs = rendered.pod["terminationGracePeriodSeconds"]
    assert grace_secs > sidecar.grace_secs + 5, "the supervisor kills its workers 5 seconds after the grace period"
    assert grace_secs > rendered.fluent_bit()["service"]["grace"]


def test_probes_reach_what_listens(rendered: Rendered, tmp_path: Path) -> None:
    service = rendered.fluent_bit()["service"]
    listening = {
        "veilog": rendered.veilog(tmp_path).sidecar.http,
        "fluent-bit": f"{service['http_listen']}:{service['http_port']}",
    }
    for name, address in listening.items():
        host, _, port = address.rpartition(":")
        assert host == "0.0.0.0", "the kubelet does not come over loopback"
        container = rendered.container(name)
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        for probe in ("livenessProbe", "readinessProbe"):
            assert ports[container[probe]["httpGet"]["port"]] == int(port)
    veilog = rendered.container("veilog")
    assert veilog["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert veilog["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert veilog["startupProbe"]["httpGet"]["path"] == "/readyz"


def test_the_key_is_a_file_out_of_the_secret(rendered: Rendered, tmp_path: Path) -> None:
    key = Path(rendered.veilog(tmp_path).hash_key.file)
    (mount,) = (m for m in rendered.container("veilog")["volumeMounts"] if m["mountPath"] == str(key.parent))
    secret = rendered.volume(mount["name"])["secret"]
    example = yaml.safe_load((FOLDER / "base" / "secret.example.yaml").read_text())
    assert secret["secretName"] == example["metadata"]["name"]
    assert key.name in example["stringData"]
    assert secret["defaultMode"] == 0o440
    assert rendered.pod["securityContext"]["fsGroup"] == rendered.pod["securityContext"]["runAsGroup"]
    for container in rendered.pod["containers"]:
        if container["name"] != "veilog":
            assert mount["name"] not in [m["name"] for m in container["volumeMounts"]], "veilog alone has the key"


def test_the_example_secret_cannot_be_used_by_mistake(rendered: Rendered, tmp_path: Path) -> None:
    assert not [o for o in rendered.objects if o["kind"] == "Secret"]
    example = yaml.safe_load((FOLDER / "base" / "secret.example.yaml").read_text())
    file = tmp_path / "hash.key"
    file.write_text(example["stringData"]["hash.key"], encoding="utf-8")
    with pytest.raises(ConfigError):
        load_key(HashKey(file=str(file)))
    file.write_text(new_key(), encoding="utf-8")
    assert load_key(HashKey(file=str(file)))[0]


def test_the_network_policy_lets_in_the_applications_clients_alone(rendered: Rendered) -> None:
    spec = rendered.one("NetworkPolicy")["spec"]
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    labels = rendered.workload["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    reachable = {port["port"] for rule in spec["ingress"] for port in rule["ports"]}
    assert all(rule["from"] for rule in spec["ingress"])
    assert reachable == ({8080} if rendered.workload["kind"] == "Deployment" else set())
    assert all(rule["ports"] for rule in spec["egress"])


def test_the_commented_rule_for_prometheus_is_one() -> None:
    import kubernetes_validate

    text = (FOLDER / "base" / "networkpolicy.yaml").read_text()
    assert text.count("  # ingress:\n") == 1
    lines = [line for line in text.splitlines() if line.strip() != "ingress: []"]
    start, end = lines.index("  # ingress:"), lines.index("  egress:")
    opened = [line.replace("  # ", "  ", 1) if start <= i < end else line for i, line in enumerate(lines)]
    policy = yaml.safe_load("\n".join(opened))
    kubernetes_validate.validate(policy, KUBERNETES, strict=True)
    (rule,) = policy["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 24280}]
    assert set(rule["from"][0]) == {"namespaceSelector", "podSelector"}, "both in one entry, or either is enough"


def line_in(log: str) -> str:
    """A record as the tailed file of an overlay holds it."""
    record = json.dumps(json.loads(CHAT.read_text(encoding="utf-8")))
    return record if log.endswith(".jsonl") else f"2025-03-03T09:41:03.250000000Z stdout F {record}"


@pytest.fixture
def moved(rendered: Rendered, tmp_path: Path) -> Iterator[tuple[Sidecar, Path, Path]]:
    """A sidecar with the ConfigMap's veilog.yaml, Fluent Bit's configuration for it, and the file that it tails. Only
    ports and paths differ from what is in the cluster."""
    back, monitor = free_port(), free_port()
    state = tmp_path / "state"
    state.mkdir()
    sidecar = Sidecar(tmp_path)
    (tailed,) = (i["path"] for i in rendered.fluent_bit()["pipeline"]["inputs"] if i["name"] == "tail")
    log = tmp_path / Path(tailed).name.replace("*", "one")
    sidecar.write(
        replaced(
            rendered.veilog_text(),
            {
                "/run/secrets/veilog/hash.key": str(KEY_FILE),
                "127.0.0.1:24224": f"127.0.0.1:{sidecar.port}",
                "127.0.0.1:24225": f"127.0.0.1:{back}",
                "0.0.0.0:24280": f"0.0.0.0:{sidecar.http}",
            },
        )
    )
    shipper = tmp_path / "fluent-bit.yaml"
    shipper.write_text(
        replaced(
            rendered.fluent_bit_text(),
            {
                "24224": str(sidecar.port),
                "24225": str(back),
                "http_port: 2020": f"http_port: {monitor}",
                "/var/lib/fluent-bit": str(state),
                f"{Path(tailed).parent}/": f"{tmp_path}/",
            },
        ),
        encoding="utf-8",
    )
    with sidecar:
        yield sidecar, shipper, log


def replaced(text: str, substitutes: dict[str, str]) -> str:
    for there, here in substitutes.items():
        assert there in text
        text = text.replace(there, here)
    return text


@needs_fluent_bit
def test_raw_lines_go_round_through_veilog(moved: tuple[Sidecar, Path, Path], tmp_path: Path) -> None:
    sidecar, shipper, log = moved
    log.write_text(f"{line_in(log.name)}\n" * 3, encoding="utf-8")
    out = tmp_path / "stdout"
    with out.open("wb") as stdout:
        process = subprocess.Popen(["fluent-bit", f"--config={shipper}"], stdout=stdout, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: out.read_bytes().count(b'"schema"') >= 3 or process.poll() is not None, 60)
        wait_for(lambda: sidecar.metric("veilog_in_flight_chunks") == 0, 60)
    finally:
        process.terminate()
        process.wait(60)
    written = out.read_text(encoding="utf-8")
    events = [json.loads(line) for line in written.splitlines() if '"schema"' in line]
    assert [event["source"] for event in events] == ["openai_gateway"] * 3
    for message in json.loads(CHAT.read_text(encoding="utf-8"))["request"]["messages"]:
        assert message["content"][:30] not in written


EXISTING: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "fluent-bit", "namespace": "logging"},
    "spec": {
        "selector": {"matchLabels": {"app": "fluent-bit"}},
        "template": {
            "metadata": {"labels": {"app": "fluent-bit"}},
            "spec": {
                "securityContext": {"runAsUser": 0},
                "containers": [
                    {
                        "name": "fluent-bit",
                        "image": "fluent-bit:5.1.1",
                        "volumeMounts": [{"name": "log", "mountPath": "/var/log"}],
                    }
                ],
                "volumes": [{"name": "log", "hostPath": {"path": "/var/log"}}],
            },
        },
    },
}
"""A DaemonSet that somebody has."""


def test_the_patch_adds_veilog_to_a_daemonset_and_changes_nothing_else(tmp_path: Path) -> None:
    import kubernetes_validate

    patch = FOLDER / "existing-daemonset" / "patch.yaml"
    (tmp_path / "daemonset.yaml").write_text(yaml.safe_dump(EXISTING))
    (tmp_path / "patch.yaml").write_text(patch.read_text())
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "resources": ["daemonset.yaml"],
                "patches": [{"path": "patch.yaml", "target": {"kind": "DaemonSet", "name": "fluent-bit"}}],
            }
        )
    )
    done = subprocess.run(
        ["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    patched = yaml.safe_load(done.stdout)
    kubernetes_validate.validate(patched, KUBERNETES, strict=True)
    before, after = EXISTING["spec"]["template"]["spec"], patched["spec"]["template"]["spec"]
    assert after["securityContext"] == {"runAsUser": 0, "fsGroup": 10_001}
    containers = {container["name"]: container for container in after["containers"]}
    assert set(containers) == {"fluent-bit", "veilog"}
    assert containers["fluent-bit"] == before["containers"][0]
    assert before["volumes"][0] in after["volumes"]
    # The container is that of the pods of our own, but for what the pod's own security context says there.
    (base,) = (
        c
        for c in yaml.safe_load((FOLDER / "base" / "pod.yaml").read_text())["spec"]["template"]["spec"]["containers"]
        if c["name"] == "veilog"
    )
    for key in ("args", "ports", "startupProbe", "livenessProbe", "readinessProbe", "resources", "volumeMounts"):
        assert containers["veilog"][key] == base[key], key
    own = containers["veilog"]["securityContext"]
    assert base["securityContext"].items() <= own.items()
    assert own["runAsNonRoot"] is True
    assert own["runAsUser"] == own["runAsGroup"] == after["securityContext"]["fsGroup"]
    for mount in containers["veilog"]["volumeMounts"]:
        assert mount["name"] in [volume["name"] for volume in after["volumes"]]
