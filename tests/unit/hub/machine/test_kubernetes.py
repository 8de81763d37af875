"""What `platform/kubernetes` renders: read as Kubernetes, helm and dask-gateway would; there is no cluster here."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import entry_points

import jsonschema
import pytest
import yaml
from dask_gateway_server import auth
from dask_gateway_server.backends import base
from traitlets.config import Config

from hven.core.errors import ConfigurationError
from hven.core.settings import load_settings

GIVEN = {
    "image_name": "registry.example.org/hven",
    "image_tag": "1.0",
    "nfs_server": "10.0.0.2",
    "hub_network": "10.0.0.0/24",
    "max_workers": "16",
    "quota_cores": "256",
    "quota_memory": "1Ti",
}
TEXT, NUMBER = {"type": "string"}, {"type": "number"}
NAMED = {"type": "object", "required": ["name"], "properties": {"name": {"pattern": "^[a-z][a-z0-9-]*$"}}}


def record(required=None, **properties):
    """Schema of a mapping with these keys and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties if required is None else required),
        "properties": properties,
    }


SIZE = record(request={"type": ["number", "string"]}, limit={"type": ["number", "string"]})
POD = {"cores": SIZE, "memory": SIZE, "extraPodConfig": {"type": "object"}, "extraContainerConfig": {"type": "object"}}
CHART = record(
    gateway=record(
        replicas={"type": "integer"},
        loglevel={"enum": ["ERROR", "WARN", "INFO", "DEBUG"]},
        prefix=TEXT,
        auth=record(
            type={"enum": ["simple", "kerberos", "jupyterhub", "custom"]},
            jupyterhub=record(apiUrl=TEXT, apiTokenFromSecretName=TEXT, apiTokenFromSecretKey=TEXT),
        ),
        backend=record(
            image=record(name=TEXT, tag=TEXT, pullPolicy={"enum": ["IfNotPresent", "Always", "Never"]}),
            environment={"type": "object", "additionalProperties": TEXT},
            scheduler=record(**POD),
            worker=record(**POD, threads={"type": "integer"}),
        ),
        extraConfig={"type": "object", "additionalProperties": TEXT},
    )
)
"""The chart's own keys, those that are used here."""
LABELLED = record(matchLabels={"type": "object", "additionalProperties": TEXT})
PEER = {
    "type": "array",
    "items": record((), podSelector={"type": "object"}, namespaceSelector=LABELLED, ipBlock=record(cidr=TEXT)),
}
PORTS = {"type": "array", "items": record(port=NUMBER, protocol={"enum": ["TCP", "UDP", "SCTP"]})}
MODES = {"type": "array", "items": {"enum": ["ReadOnlyMany"]}}
SPECS = {
    "v1/Namespace": {"not": {}},
    "v1/PersistentVolume": record(
        capacity=record(storage=TEXT),
        accessModes=MODES,
        persistentVolumeReclaimPolicy={"const": "Retain"},
        storageClassName=TEXT,
        claimRef=record(namespace=TEXT, name=TEXT),
        nfs=record(server=TEXT, path={"pattern": "^/"}, readOnly={"const": True}),
    ),
    "v1/PersistentVolumeClaim": record(
        accessModes=MODES, storageClassName=TEXT, volumeName=TEXT, resources=record(requests=record(storage=TEXT))
    ),
    "v1/ResourceQuota": record(hard={"type": "object", "additionalProperties": TEXT}),
    "networking.k8s.io/v1/NetworkPolicy": record(
        podSelector={"type": "object"},
        policyTypes={"type": "array", "items": {"enum": ["Ingress", "Egress"]}},
        ingress={"type": "array", "items": record(**{"from": PEER})},
        egress={"type": "array", "items": record(("to",), to=PEER, ports=PORTS)},
    ),
}


@pytest.fixture(scope="module")
def program(repository):
    spec = importlib.util.spec_from_file_location("render", repository / "platform/kubernetes/render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def settings(repository):
    return load_settings(repository / "platform/sites/slurm.yaml", environ={})


@pytest.fixture(scope="module")
def manifests(program, settings):
    return list(yaml.safe_load_all(program.render(settings, GIVEN, "manifests.yaml")))


@pytest.fixture(scope="module")
def gateway(program, settings):
    values = yaml.safe_load(program.render(settings, GIVEN, "values.yaml"))
    jsonschema.validate(values, CHART)
    return values["gateway"]


@pytest.fixture(scope="module")
def configured(gateway):
    c = Config()
    for code in gateway["extraConfig"].values():
        exec(code, {"c": c})  # noqa: S102 - as the gateway does
    return c


def test_manifests_are_what_kubernetes_calls_so(manifests):
    for manifest in manifests:
        kind = f"{manifest['apiVersion']}/{manifest['kind']}"
        jsonschema.validate(manifest["metadata"], NAMED)
        if "spec" in manifest:
            jsonschema.validate(manifest["spec"], SPECS[kind])
    assert {f"{m['apiVersion']}/{m['kind']}" for m in manifests} == set(SPECS)


def test_data_cannot_be_written_from_a_cluster(manifests, gateway, settings):
    volume = next(m for m in manifests if m["kind"] == "PersistentVolume")
    assert volume["spec"]["nfs"] == {"server": "10.0.0.2", "path": str(settings.root), "readOnly": True}
    for pod in (gateway["backend"]["scheduler"], gateway["backend"]["worker"]):
        assert [v["persistentVolumeClaim"]["readOnly"] for v in pod["extraPodConfig"]["volumes"]] == [True]
        assert [m["readOnly"] for m in pod["extraContainerConfig"]["volumeMounts"]] == [True]


def test_only_people_of_the_hub_get_clusters(gateway):
    assert gateway["auth"]["type"] == "jupyterhub"
    assert hasattr(auth, "JupyterHubAuthenticator")


def test_commands_are_those_of_this_dask(configured):
    config = base.ClusterConfig(config=configured)

    assert (config.scheduler_cmd, config.worker_cmd) == (["dask", "scheduler"], ["dask", "worker"])
    assert {"scheduler", "worker"} <= {entry.name for entry in entry_points(group="dask_cli")}


def test_every_limit_is_one_that_the_gateway_knows(configured, settings):
    unknown = {*configured.ClusterConfig} - {*base.ClusterConfig.class_trait_names(config=True)}
    assert unknown == set()
    assert base.ClusterConfig(config=configured).cluster_max_workers == 16


def test_what_is_not_given_is_named(program, settings):
    with pytest.raises(ConfigurationError, match="image_name"):
        program.render(settings, {}, "values.yaml")


def test_the_gateways_setuid_backend_is_offered_nowhere(repository):
    """It changes the owner of / when root starts a cluster."""
    files = [
        p for p in (repository / "platform").rglob("*") if p.is_file() and p.suffix in {".py", ".yaml", ".conf", ""}
    ]
    offered = [p.name for p in files if re.search(r"(?<!Unsafe)LocalBackend", p.read_text(errors="ignore"))]
    assert offered == []
