"""The Kubernetes manifests that the broker lives by, as closed models: what isn't known here is an error.

The cluster's own schemas let a misspelt field of a Broker or Trigger pass (x-kubernetes-preserve-unknown-fields); only
Knative's webhook refuses it. Here it is refused before anything runs. Fields we have no use for stay unknown.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic.alias_generators import to_camel

ATTRIBUTE = r"^[a-z][a-z0-9]*$"
_DURATION = re.compile(r"P(?!$)(?:(\d+)D)?(?:T(?!$)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")


class Closed(BaseModel):
    """The base of all of them: frozen, camelCase outside, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


def _duration(value: Any) -> timedelta:
    if not isinstance(value, str) or not (match := _DURATION.match(value)):
        raise ValueError("not an ISO 8601 duration such as PT1S")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError("longer than a duration can be") from None


def _schedule(value: str) -> str:
    try:
        CronSim(value, datetime.now(UTC))
    except CronSimError as problem:
        raise ValueError(f"not a cron line of five or six fields: {problem}") from None
    return value


def _timezone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except ZoneInfoNotFoundError:
        raise ValueError("not a time zone") from None


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Schedule = Annotated[str, AfterValidator(_schedule)]
AttributeName = Annotated[str, Field(pattern=ATTRIBUTE)]
NonEmpty = Annotated[str, Field(min_length=1)]


class Metadata(Closed):
    """Names and labels; the namespace comes from the kustomization."""

    name: NonEmpty
    namespace: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


# Where things go


class Ref(Closed):
    """A Service by name. Ours are Knative's; a plain one serves as well."""

    api_version: Literal["serving.knative.dev/v1", "v1"]
    kind: Literal["Service"]
    name: NonEmpty


class Destination(Closed):
    """A Service, and a path on it; or an absolute address."""

    ref: Ref | None = None
    uri: NonEmpty | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "Destination":
        if self.ref is None and not re.match(r"https?://[^/]", self.uri or ""):
            raise ValueError("needs a ref, or an absolute uri")
        return self


class BrokerRef(Closed):
    """The broker by name."""

    api_version: Literal["eventing.knative.dev/v1"]
    kind: Literal["Broker"]
    name: NonEmpty


class BrokerSink(Closed):
    """What a SinkBinding binds to."""

    ref: BrokerRef


class Delivery(Closed):
    """How often and how long delivery is tried, and who takes what can't be delivered. All of it must be said."""

    retry: Annotated[int, Field(ge=0, strict=True)]
    backoff_policy: Literal["exponential", "linear"]
    backoff_delay: Duration
    timeout: Annotated[Duration, Field(gt=timedelta())]
    dead_letter_sink: Destination
    format: Literal["binary"] = "binary"


# What a Trigger lets through


class Exact(Closed):
    """Every attribute has exactly this value."""

    exact: Annotated[dict[AttributeName, NonEmpty], Field(min_length=1)]


class Prefix(Closed):
    """Every attribute begins so."""

    prefix: Annotated[dict[AttributeName, NonEmpty], Field(min_length=1)]


class Suffix(Closed):
    """Every attribute ends so."""

    suffix: Annotated[dict[AttributeName, NonEmpty], Field(min_length=1)]


class All(Closed):
    """Every filter within matches."""

    all: Annotated[list["Filter"], Field(min_length=1)]


class Any_(Closed):
    """At least one filter within matches."""

    any: Annotated[list["Filter"], Field(min_length=1)]


class Not(Closed):
    """The filter within does not match."""

    not_: Annotated["Filter", Field(alias="not")]


DIALECTS = ("exact", "prefix", "suffix", "all", "any", "not")


def _dialect(value: Any) -> str | None:
    if isinstance(value, dict):
        return next(iter(value), None)
    return type(value).__name__.lower().rstrip("_")


def _one_dialect(value: Any) -> Any:
    if isinstance(value, dict):
        for name in value:
            if name not in DIALECTS:
                raise ValueError(f"unknown filter dialect {name!r}")
        if len(value) != 1:
            raise ValueError("a filter speaks one dialect")
    return value


Filter = Annotated[
    Annotated[Exact, Tag("exact")]
    | Annotated[Prefix, Tag("prefix")]
    | Annotated[Suffix, Tag("suffix")]
    | Annotated[All, Tag("all")]
    | Annotated[Any_, Tag("any")]
    | Annotated[Not, Tag("not")],
    Discriminator(_dialect),
    BeforeValidator(_one_dialect),
]


class AttributesFilter(Closed):
    """The older form: exact values, where an empty one asks only that the attribute is there."""

    attributes: dict[AttributeName, str] = {}


# The five kinds


class BrokerSpec(Closed):
    """Its own delivery is what a Trigger without one would get; ours all have theirs."""

    delivery: Delivery | None = None


class Broker(Closed):
    """Where events are posted."""

    api_version: Literal["eventing.knative.dev/v1"]
    kind: Literal["Broker"]
    metadata: Metadata
    spec: BrokerSpec = BrokerSpec()


class TriggerSpec(Closed):
    """Which events of which broker go where. `filters` wins over `filter`."""

    broker: NonEmpty
    filter: AttributesFilter | None = None
    filters: list[Filter] = []
    subscriber: Destination
    delivery: Delivery


class Trigger(Closed):
    """A subscription."""

    api_version: Literal["eventing.knative.dev/v1"]
    kind: Literal["Trigger"]
    metadata: Metadata
    spec: TriggerSpec


class PingSourceSpec(Closed):
    """A cron line, and what is sent where at its beats."""

    schedule: Schedule
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    content_type: str = ""
    data: str = ""
    sink: Destination


class PingSource(Closed):
    """A clock."""

    api_version: Literal["sources.knative.dev/v1"]
    kind: Literal["PingSource"]
    metadata: Metadata
    spec: PingSourceSpec


class SinkBindingSpec(Closed):
    """Who gets K_SINK, and what it says."""

    subject: Ref
    sink: BrokerSink


class SinkBinding(Closed):
    """A function that publishes."""

    api_version: Literal["sources.knative.dev/v1"]
    kind: Literal["SinkBinding"]
    metadata: Metadata
    spec: SinkBindingSpec


class EnvironmentVariable(Closed):
    """A literal: what is secret comes through envFrom."""

    name: NonEmpty
    value: str


class _Partly(BaseModel):
    """The rest of a Service is Kubernetes' business: its schema is closed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Container(_Partly):
    """One container of a Service."""

    env: list[EnvironmentVariable] = []


class PodSpec(_Partly):
    """The containers of a Service."""

    containers: Annotated[list[Container], Field(min_length=1, max_length=1)]


class Template(_Partly):
    """What a revision is made from."""

    spec: PodSpec


class ServiceSpec(_Partly):
    """What matters of it here is the environment."""

    template: Template


class Service(Closed):
    """A function."""

    api_version: Literal["serving.knative.dev/v1"]
    kind: Literal["Service"]
    metadata: Metadata
    spec: ServiceSpec

    @property
    def environment(self) -> dict[str, str]:
        """Its literal environment variables."""
        return {variable.name: variable.value for variable in self.spec.template.spec.containers[0].env}


Manifest = Broker | Trigger | PingSource | SinkBinding | Service
KINDS: dict[str, type[Manifest]] = {kind.__name__: kind for kind in (Broker, Trigger, PingSource, SinkBinding, Service)}
