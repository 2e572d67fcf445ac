"""An event broker for one machine: Knative's HTTP contract on Redis Streams, its topology read from `k8s/base`."""

from local.broker.app import NoSuchSubscriber, create_app
from local.broker.topology import BadManifest, Topology, load

__all__ = ["BadManifest", "NoSuchSubscriber", "Topology", "create_app", "load"]
