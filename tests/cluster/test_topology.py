"""The topology is read from the manifests, and what a cluster would refuse or misunderstand is refused here already."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from events import EVENTS
from local.broker import BadManifest, Topology, load

BASE = Path(__file__).parents[2] / "k8s" / "base"


@pytest.fixture(scope="module")
def base() -> Topology:
    return load(BASE)


# What the base says


def test_functions(base: Topology) -> None:
    """Every folder under functions/ is a Service, and no other."""
    folders = (BASE.parents[1] / "functions").glob("*/__init__.py")

    assert base.functions == {path.parent.name.replace("_", "-") for path in folders}


def test_publishers(base: Topology) -> None:
    """Every function may publish, to the one broker of the namespace."""
    assert base.publishers == base.functions
    assert {base.sink_path(function) for function in base.functions} == {"/xin/default"}


def test_every_event_is_consumed(base: Topology) -> None:
    """An event exists only when a function consumes it: each type has one Trigger, each Trigger one type."""
    wanted = {
        "ir.xinbot.message.received.v1": "orchestrate",
        "ir.xinbot.reply.begun.v1": "deliver",
        "ir.xinbot.reply.composed.v1": "deliver",
        "ir.xinbot.status.received.v1": "deliver",
        "ir.xinbot.knowledge.uploaded.v1": "embed-chunk",
        "ir.xinbot.automation.due.v1": "automation-tick",
    }
    found = {
        trigger.spec.filter.attributes["type"]: trigger.spec.subscriber.ref.name
        for trigger in base.triggers
        if trigger.spec.filter and trigger.spec.subscriber.ref
    }

    assert found == wanted
    assert len(base.triggers) == len(wanted)
    assert {event.type for event in EVENTS} == set(wanted)


def test_dead_letters(base: Topology) -> None:
    """Whatever a Trigger can't deliver goes to automation-tick, which keeps it."""
    sinks = [trigger.spec.delivery.dead_letter_sink for trigger in base.triggers]

    assert {(sink.ref and sink.ref.name, sink.uri) for sink in sinks} == {("automation-tick", "/dead-letters")}


def test_time_limits(base: Topology) -> None:
    """An attempt may take longer than a handler (35 s), shorter than a Service allows (60 s); five retries follow."""
    assert {trigger.spec.delivery.timeout.total_seconds() for trigger in base.triggers} == {45}
    assert {trigger.spec.delivery.retry for trigger in base.triggers} == {5}
    for path in BASE.glob("*/service.yaml"):
        assert yaml.safe_load(path.read_text())["spec"]["template"]["spec"]["timeoutSeconds"] == 60


def test_clock(base: Topology) -> None:
    """The tick goes every ten seconds, straight to automation-tick."""
    (source,) = base.ping_sources

    assert source.spec.schedule == "*/10 * * * * *"
    assert source.spec.sink.ref
    assert source.spec.sink.ref.name == "automation-tick"


def test_events_cannot_be_forged(base: Topology) -> None:
    """A function that takes events is reachable from inside the cluster only, and only such a one."""
    inside = {
        service.metadata.name
        for service in base.services
        if service.metadata.labels.get("networking.knative.dev/visibility") == "cluster-local"
    }

    assert inside == base.subscribers == {"orchestrate", "deliver", "embed-chunk", "automation-tick"}


def test_environment(base: Topology) -> None:
    """The literal environment is read from the manifest; an unknown function has none."""
    assert base.environment("orchestrate") == {"XIN_TURNS_IN_FLIGHT": "16"}
    with pytest.raises(KeyError):
        base.environment("nobody")


@pytest.mark.parametrize("path", sorted(BASE.glob("*/service.yaml")), ids=lambda path: path.parent.name)
def test_service(path: Path) -> None:
    """A Service is restricted, probed, named after its function, started as all are, and warm where somebody waits."""
    service = yaml.safe_load(path.read_text())
    name = path.parent.name
    template = service["spec"]["template"]
    (container,) = template["spec"]["containers"]

    assert service["metadata"]["name"] == container["image"] == name
    assert [*container["command"], *container["args"]] == [
        "python",
        "-m",
        "shared.hosting",
        f"functions.{name.replace('-', '_')}.main",
    ]
    assert template["spec"]["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["envFrom"] == [{"secretRef": {"name": "xin"}}]
    warm = "0" if name in ("embed-chunk", "automation-tick") else "1"
    assert template["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] == warm


def test_nothing_forgotten() -> None:
    """Every manifest under the base is listed by the kustomization beside it."""
    for folder in {path.parent for path in BASE.rglob("*.yaml")}:
        listed = set(yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"])
        there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        there |= {path.name for path in folder.iterdir() if path.is_dir()}
        assert listed == there, folder


# What is refused

SERVICE = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "deliver"},
    "spec": {"template": {"spec": {"containers": [{"image": "deliver"}]}}},
}
BROKER = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}}
REF = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "deliver"}
TRIGGER = {
    "apiVersion": "eventing.knative.dev/v1",
    "kind": "Trigger",
    "metadata": {"name": "deliver"},
    "spec": {
        "broker": "default",
        "filter": {"attributes": {"type": "ir.xinbot.reply.composed.v1"}},
        "subscriber": {"ref": REF},
        "delivery": {
            "retry": 5,
            "backoffPolicy": "exponential",
            "backoffDelay": "PT1S",
            "timeout": "PT45S",
            "deadLetterSink": {"ref": REF, "uri": "/dead-letters"},
        },
    },
}
BINDING = {
    "apiVersion": "sources.knative.dev/v1",
    "kind": "SinkBinding",
    "metadata": {"name": "deliver"},
    "spec": {
        "subject": REF,
        "sink": {"ref": {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "default"}},
    },
}
PING = {
    "apiVersion": "sources.knative.dev/v1",
    "kind": "PingSource",
    "metadata": {"name": "tick"},
    "spec": {"schedule": "*/10 * * * * *", "sink": {"ref": REF}},
}
GONE = object()


def write(folder: Path, *manifests: dict[str, Any], kustomization: dict[str, Any] | None = None) -> Path:
    """A base of *manifests*."""
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    listed = {**head, "namespace": "xin", "resources": ["all.yaml"]} if kustomization is None else kustomization
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(listed))
    (folder / "all.yaml").write_text(yaml.safe_dump_all(manifests))
    return folder


def changed(manifest: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy in which the field at *path* (dots) is another one, or GONE."""
    head, _, rest = path.partition(".")
    if rest:
        return {**manifest, head: changed(manifest.get(head, {}), rest, value)}
    return {name: old for name, old in {**manifest, head: value}.items() if old is not GONE}


def test_good(tmp_path: Path) -> None:
    """The manifests that the cases below spoil are good ones."""
    topology = load(write(tmp_path, SERVICE, BROKER, TRIGGER, BINDING, PING))

    assert (topology.namespace, topology.functions, topology.publishers) == ("xin", {"deliver"}, {"deliver"})


@pytest.mark.parametrize(
    ("manifest", "path", "value", "field"),
    [
        (TRIGGER, "spec.subscribers", {}, "spec.subscribers"),
        (TRIGGER, "spec.subscriber", GONE, "spec.subscriber"),
        (TRIGGER, "spec.subscriber", {"uri": "/relative"}, "spec.subscriber"),
        (TRIGGER, "spec.subscriber.url", "http://a", "spec.subscriber.url"),
        (TRIGGER, "spec.broker", GONE, "spec.broker"),
        (TRIGGER, "spec.filter.attribute", {}, "spec.filter.attribute"),
        (TRIGGER, "spec.filter.attributes", {"Type": "x"}, "spec.filter.attributes.Type"),
        (TRIGGER, "spec.filter.attributes", {"s_pace_s": "x"}, "spec.filter.attributes.s_pace_s"),
        (TRIGGER, "spec.filter.attributes", {"123": "x"}, "spec.filter.attributes.123"),
        (TRIGGER, "spec.filter.attributes", {"type": 7}, "spec.filter.attributes.type"),
        (TRIGGER, "spec.filters", [{"cesql": "type = 'x'"}], "unknown filter dialect 'cesql'"),
        (TRIGGER, "spec.filters", [{"any": [{"cesql": "x"}]}], "unknown filter dialect 'cesql'"),
        (TRIGGER, "spec.filters", [{"exact": {"type": "a"}, "prefix": {"type": "b"}}], "one dialect"),
        (TRIGGER, "spec.filters", [{"exact": {"SOURCE": "a"}}], "SOURCE"),
        (TRIGGER, "spec.filters", [{"exact": {}}], "spec.filters.0.exact"),
        (TRIGGER, "spec.filters", [{"all": []}], "spec.filters.0.all"),
        (TRIGGER, "spec.delivery", GONE, "spec.delivery"),
        (TRIGGER, "spec.delivery", {}, "spec.delivery.retry"),
        (TRIGGER, "spec.delivery.retry", GONE, "spec.delivery.retry"),
        (TRIGGER, "spec.delivery.retry", -1, "spec.delivery.retry"),
        (TRIGGER, "spec.delivery.retry", "5", "spec.delivery.retry"),
        (TRIGGER, "spec.delivery.timeout", GONE, "spec.delivery.timeout"),
        (TRIGGER, "spec.delivery.timeout", "45s", "spec.delivery.timeout"),
        (TRIGGER, "spec.delivery.timeout", "PT0S", "spec.delivery.timeout"),
        (TRIGGER, "spec.delivery.timeout", f"PT{'9' * 400}S", "spec.delivery.timeout"),
        (TRIGGER, "spec.delivery.backoffDelay", GONE, "spec.delivery.backoffDelay"),
        (TRIGGER, "spec.delivery.backoffDelayy", "PT1S", "spec.delivery.backoffDelayy"),
        (TRIGGER, "spec.delivery.backoff_delay", "PT1S", "spec.delivery.backoff_delay"),
        (TRIGGER, "spec.delivery.backoffPolicy", GONE, "spec.delivery.backoffPolicy"),
        (TRIGGER, "spec.delivery.backoffPolicy", "quadratic", "spec.delivery.backoffPolicy"),
        (TRIGGER, "spec.delivery.deadLetterSink", GONE, "spec.delivery.deadLetterSink"),
        (TRIGGER, "spec.delivery.retryAfterMax", "PT30S", "spec.delivery.retryAfterMax"),
        (TRIGGER, "spec.delivery.format", "json", "spec.delivery.format"),
        (TRIGGER, "apiVersion", "eventing.knative.dev/v1beta1", "apiVersion"),
        (TRIGGER, "kind", "Triger", "kind"),
        (TRIGGER, "kind", {}, "kind"),
        (BROKER, "spec.delivery", {"retry": 3}, "spec.delivery.timeout"),
        (BROKER, "spec.deliveries", {}, "spec.deliveries"),
        (PING, "spec.schedule", "nonsense", "spec.schedule"),
        (PING, "spec.schedule", "@every 10s", "spec.schedule"),
        (PING, "spec.schedule", "99 * * * * *", "spec.schedule"),
        (PING, "spec.timezone", "Asia/Nowhere", "spec.timezone"),
        (PING, "spec.sink", GONE, "spec.sink"),
        (BINDING, "spec.subject.nam", "x", "spec.subject.nam"),
        (BINDING, "spec.sink", GONE, "spec.sink"),
        (SERVICE, "metadata.lables", {}, "metadata.lables"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_field(tmp_path: Path, manifest: dict[str, Any], path: str, value: object, field: str) -> None:
    """A field that is unknown, missing or wrong stops the start, and the message names the file and the field."""
    others = [one for one in (SERVICE, BROKER, TRIGGER, BINDING, PING) if one is not manifest]

    with pytest.raises(BadManifest, match=re.escape(field)) as problem:
        load(write(tmp_path, *others, changed(manifest, path, value)))

    assert str(tmp_path / "all.yaml") in str(problem.value)


@pytest.mark.parametrize(
    ("manifests", "names"),
    [
        ((SERVICE, TRIGGER), "no Broker default"),
        ((SERVICE, BROKER, changed(TRIGGER, "spec.subscriber.ref.name", "deliverr")), "no Service deliverr"),
        ((SERVICE, BROKER, changed(PING, "spec.sink.ref.name", "nobody")), "no Service nobody"),
        ((SERVICE, BROKER, changed(BINDING, "spec.subject.name", "nobody")), "SinkBinding deliver"),
        ((SERVICE, BROKER, TRIGGER, TRIGGER), "Trigger deliver is there 2 times"),
        ((SERVICE, BROKER, changed(TRIGGER, "metadata.namespace", "other")), "metadata.namespace"),
    ],
)
def test_bad_name(tmp_path: Path, manifests: tuple[dict[str, Any], ...], names: str) -> None:
    """A name that leads nowhere, or is there twice, is refused and named."""
    with pytest.raises(BadManifest, match=names):
        load(write(tmp_path, *manifests))


def test_secret_in_the_open(tmp_path: Path) -> None:
    """The environment of a Service is literal: a value from elsewhere comes through envFrom."""
    env = [{"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "xin", "key": "url"}}}]
    service = changed(SERVICE, "spec.template.spec.containers", [{"image": "deliver", "env": env}])

    with pytest.raises(BadManifest, match="valueFrom"):
        load(write(tmp_path, service, BROKER))


@pytest.mark.parametrize(
    ("kustomization", "names"),
    [
        ({"resources": ["all.yaml"], "patches": []}, "patches"),
        ({"resources": ["missing.yaml"]}, "missing.yaml"),
        ({"resources": []}, "resources"),
        ({"namespace": None, "resources": ["all.yaml"]}, "namespace"),
    ],
)
def test_bad_kustomization(tmp_path: Path, kustomization: dict[str, Any], names: str) -> None:
    """A kustomization that does more than list, or lists what isn't there, would be misread: it is refused."""
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "xin"}

    with pytest.raises(BadManifest, match=names):
        load(write(tmp_path, SERVICE, BROKER, kustomization={**head, **kustomization}))


@pytest.mark.parametrize("content", [b"a: [", b"a: 2026-99-99", b"a: \xff", b"[" * 3000])
def test_not_yaml(tmp_path: Path, content: bytes) -> None:
    """A file that isn't YAML, or holds a date that is none, is named."""
    write(tmp_path, SERVICE)
    (tmp_path / "all.yaml").write_bytes(content)

    with pytest.raises(BadManifest, match=re.escape("all.yaml")):
        load(tmp_path)
