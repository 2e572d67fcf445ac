"""Who publishes, who subscribes, and when the clock beats: read from the same manifests that a cluster gets.

`load` follows the kustomizations' `resources` and reads plain YAML; it knows no patches, so what it says is the base.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.broker.manifests import (
    KINDS,
    Broker,
    Closed,
    Destination,
    Manifest,
    PingSource,
    Service,
    SinkBinding,
    Trigger,
)

M = TypeVar("M", bound=Closed)


class BadManifest(Exception):
    """A manifest that a cluster would refuse, or that doesn't mean what it says. Names the file and the field."""


class Kustomization(Closed):
    """The list of what belongs together."""

    api_version: Literal["kustomize.config.k8s.io/v1beta1"]
    kind: Literal["Kustomization"]
    namespace: str | None = None
    resources: list[str] = Field(min_length=1)


class Topology(BaseModel):
    """Everything the manifests say about events. Frozen; names are checked against each other."""

    model_config = ConfigDict(frozen=True)

    namespace: str
    brokers: tuple[Broker, ...]
    triggers: tuple[Trigger, ...]
    ping_sources: tuple[PingSource, ...]
    sink_bindings: tuple[SinkBinding, ...]
    services: tuple[Service, ...]

    @property
    def functions(self) -> frozenset[str]:
        """The name of every function."""
        return frozenset(service.metadata.name for service in self.services)

    @property
    def publishers(self) -> frozenset[str]:
        """The functions that publish: they get K_SINK."""
        return frozenset(binding.spec.subject.name for binding in self.sink_bindings)

    @property
    def subscribers(self) -> frozenset[str]:
        """The functions that are sent events: by a Trigger, as a dead-letter sink, or by the clock."""
        return frozenset(where.ref.name for _, where in self.destinations() if where.ref)

    def sink_path(self, function: str) -> str:
        """The path of the broker that *function* publishes to. Raises KeyError when it publishes nothing."""
        brokers = {binding.spec.subject.name: binding.spec.sink.ref.name for binding in self.sink_bindings}
        return f"/{self.namespace}/{brokers[function]}"

    def environment(self, function: str) -> dict[str, str]:
        """The literal environment of *function*. Raises KeyError for an unknown one."""
        return {service.metadata.name: service.environment for service in self.services}[function]

    def destinations(self) -> Iterator[tuple[str, Destination]]:
        """Every address that something is sent to, and what sends there."""
        for trigger in self.triggers:
            yield f"Trigger {trigger.metadata.name}", trigger.spec.subscriber
            yield f"Trigger {trigger.metadata.name}", trigger.spec.delivery.dead_letter_sink
        for source in self.ping_sources:
            yield f"PingSource {source.metadata.name}", source.spec.sink


def load(folder: Path) -> Topology:
    """The topology under *folder*, which holds a kustomization.yaml. Raises BadManifest."""
    namespace = _kustomization(folder).namespace
    if namespace is None:
        raise BadManifest(f"{folder / 'kustomization.yaml'}: namespace: is missing")
    found = [manifest for path in _files(folder) for manifest in _manifests(path)]
    topology = Topology(
        namespace=namespace,
        brokers=_of(Broker, found),
        triggers=_of(Trigger, found),
        ping_sources=_of(PingSource, found),
        sink_bindings=_of(SinkBinding, found),
        services=_of(Service, found),
    )
    _check_names(folder, topology, found)
    return topology


def _of(kind: type[M], manifests: list[Manifest]) -> tuple[M, ...]:
    return tuple(manifest for manifest in manifests if isinstance(manifest, kind))


def _check_names(folder: Path, topology: Topology, manifests: list[Manifest]) -> None:
    counted = Counter((manifest.kind, manifest.metadata.name) for manifest in manifests)
    for (kind, name), times in counted.items():
        if times > 1:
            raise BadManifest(f"{folder}: {kind} {name} is there {times} times")
    for manifest in manifests:
        if manifest.metadata.namespace not in (None, topology.namespace):
            raise BadManifest(f"{folder}: {manifest.kind} {manifest.metadata.name}: metadata.namespace: is another one")
    brokers = {broker.metadata.name for broker in topology.brokers}
    for trigger in topology.triggers:
        if trigger.spec.broker not in brokers:
            raise BadManifest(
                f"{folder}: Trigger {trigger.metadata.name}: spec.broker: no Broker {trigger.spec.broker}"
            )
    for binding in topology.sink_bindings:
        if binding.spec.sink.ref.name not in brokers or binding.spec.subject.name not in topology.functions:
            raise BadManifest(f"{folder}: SinkBinding {binding.metadata.name}: spec: names what isn't there")
    for sender, where in topology.destinations():
        if where.ref and where.ref.api_version != "v1" and where.ref.name not in topology.functions:
            raise BadManifest(f"{folder}: {sender}: ref.name: no Service {where.ref.name}")


def _files(folder: Path) -> Iterator[Path]:
    for resource in _kustomization(folder).resources:
        path = folder / resource
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path
        else:
            raise BadManifest(f"{folder / 'kustomization.yaml'}: resources: there is no {resource}")


def _kustomization(folder: Path) -> Kustomization:
    path = folder / "kustomization.yaml"
    if not path.is_file():
        raise BadManifest(f"{path}: is missing")
    (document,) = _documents(path) or [None]
    return _read(Kustomization, document, path)


def _manifests(path: Path) -> Iterator[Manifest]:
    for document in _documents(path):
        if not isinstance(document, dict):
            raise BadManifest(f"{path}: not a Kubernetes object")
        kind, group = str(document.get("kind")), str(document.get("apiVersion"))
        if (kind, group) == ("Service", "v1"):
            continue
        if kind in KINDS:
            yield _read(KINDS[kind], document, path)
        elif "knative.dev/" in group:
            raise BadManifest(f"{path}: kind: {kind} of {group} is not known here")


def _documents(path: Path) -> list[Any]:
    try:
        return [document for document in yaml.safe_load_all(path.read_text("utf-8")) if document is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as problem:  # a date that is none, letters that aren't UTF-8
        raise BadManifest(f"{path}: {problem}") from None


def _read(kind: type[M], document: Any, path: Path) -> M:
    try:
        return kind.model_validate(document)
    except ValidationError as problem:
        complaints = "; ".join(
            f"{'.'.join(str(step) for step in error['loc'])}: {error['msg']}" for error in problem.errors()
        )
        raise BadManifest(f"{path}: {complaints}") from None
