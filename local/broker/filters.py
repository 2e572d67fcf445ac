"""Which events a Trigger lets through. Values are compared as text; an attribute that isn't there matches nothing.

Source: https://knative.dev/docs/eventing/triggers/#trigger-filtering, and CloudEvents Subscriptions 3.2.4.1.
"""

from collections.abc import Callable, Mapping

from local.broker.manifests import All, Any_, AttributesFilter, Exact, Filter, Prefix, Suffix, TriggerSpec

Attributes = Mapping[str, str]
Test = Callable[[Attributes], bool]


def compile_trigger(spec: TriggerSpec) -> Test:
    """The test of a Trigger; one without a filter takes everything."""
    if spec.filters:
        return compile_filter(All(all=spec.filters))
    return _attributes(spec.filter or AttributesFilter())


def compile_filter(given: Filter) -> Test:
    """The test of one filter, whatever is nested in it."""
    if isinstance(given, Exact):
        return _each(given.exact, str.__eq__)
    if isinstance(given, Prefix):
        return _each(given.prefix, str.startswith)
    if isinstance(given, Suffix):
        return _each(given.suffix, str.endswith)
    if isinstance(given, All):
        every = [compile_filter(part) for part in given.all]
        return lambda attributes: all(test(attributes) for test in every)
    if isinstance(given, Any_):
        some = [compile_filter(part) for part in given.any]
        return lambda attributes: any(test(attributes) for test in some)
    negated = compile_filter(given.not_)
    return lambda attributes: not negated(attributes)


def _each(wanted: Mapping[str, str], compare: Callable[[str, str], bool]) -> Test:
    pairs = tuple(wanted.items())  # no text of these is empty, so a missing attribute can't match
    return lambda attributes: all(compare(attributes.get(name, ""), text) for name, text in pairs)


def _attributes(given: AttributesFilter) -> Test:
    exact = tuple((name, text) for name, text in given.attributes.items() if text)
    present = tuple(name for name, text in given.attributes.items() if not text)
    return lambda attributes: (
        all(attributes.get(name) == text for name, text in exact) and all(attributes.get(name) for name in present)
    )
