"""schemathesis as we use it: cases made from a description, some of them about things that are there."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

CASES = max(1, round(4 * float(os.environ.get("XIN_CASES", "1"))))
"""Of each mode, for each operation."""
THOROUGH = 50
"""From so many on, every boundary that the description has is tried as well: some fifty an operation."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
MEANT = frozenset({200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429})
"""The statuses that our APIs know: the description's `default` would let any other pass."""


class Described:
    """An API by its description, which takes a while to read."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.paths: Mapping[str, Any] = description["paths"]
        self.schema: BaseSchema = schemathesis.openapi.from_dict(dict(description))

    @property
    def operations(self) -> set[tuple[str, str]]:
        """Method and path of each."""
        return {(method.upper(), path) for path, methods in self.paths.items() for method in methods}

    def can_be_wrong(self, method: str, path: str) -> bool:
        """Any text is a path or a header: only a query or a body can miss its description."""
        operation = self.paths[path][method.lower()]
        return "requestBody" in operation or any(one["in"] == "query" for one in operation.get("parameters", ()))

    def boundaries(self, operation: Any) -> Iterator[Case]:
        """Every least, greatest, empty and missing value, one at a time, and every verb that it doesn't have."""
        modes = list(GenerationMode)
        config = self.schema.config.generation_for(operation=operation)
        return self.schema.iter_coverage_cases(operation, generation_modes=modes, generation_config=config)


@dataclass
class Guesser:
    """Asks one API as one caller. *real*: values of things that are there, by the names of parameters and fields."""

    described: Described
    url: str
    headers: Mapping[str, str]
    real: Mapping[str, Any]
    seen: dict[int, int] = field(default_factory=dict)
    """How often it was answered with each status."""

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False

    def guess(self, method: str, path: str, *, cases: int = CASES) -> None:
        """So many cases that fit the description, and so many that don't. Fails with how to repeat the bad one."""
        operation = self.described.schema[path][method]
        modes = [GenerationMode.POSITIVE]
        if self.described.can_be_wrong(method, path):
            modes.append(GenerationMode.NEGATIVE)
        for mode in modes:
            self._ask_all(operation.as_strategy(generation_mode=mode), cases, wrong=mode is GenerationMode.NEGATIVE)
        if cases >= THOROUGH:
            for case in self.described.boundaries(operation):
                self._ask(case)

    def _ask_all(self, strategy: st.SearchStrategy[Case], cases: int, *, wrong: bool) -> None:
        @settings(
            max_examples=cases,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def ask(case: Case) -> None:
            turn = sum(self.seen.values())
            if turn % 3 != 2:
                self._ground(case, path_alone=wrong)
            self._ask(case, plain=turn % 4 != 3)

        ask()

    def _ask(self, case: Case, *, plain: bool = True) -> None:
        """*plain*: without the header that only the administrator may send."""
        if plain:
            case.headers.pop("X-Xin-Tenant", None)
        response = case.call(base_url=self.url, session=self._session, headers=dict(self.headers), timeout=30)
        self.seen[response.status_code] = self.seen.get(response.status_code, 0) + 1
        # A form's fields are texts, whatever was meant to be wrong with them. Space around a text is taken off before
        # the text is measured, which a description can't say.
        lenient = case.media_type == "multipart/form-data" or _stripped(case.body) != case.body
        left_out = [negative_data_rejection] if lenient else []
        case.validate_response(response, checks=CHECKS, additional_checks=[_is_meant], excluded_checks=left_out)

    def _ground(self, case: Case, *, path_alone: bool) -> None:
        """Puts what is there in the place of what was made up. *path_alone*: the rest stays wrong."""
        for values in (case.path_parameters,) if path_alone else (case.path_parameters, case.query, case.body):
            if isinstance(values, dict):
                values.update({name: self.real[name] for name in values.keys() & self.real.keys()})


def _stripped(value: Any) -> Any:
    """Without the space around texts."""
    match value:
        case str():
            return value.strip()
        case dict():
            return {name: _stripped(one) for name, one in value.items()}
        case list():
            return [_stripped(one) for one in value]
        case _:
            return value


def _is_meant(_: Any, response: Response, case: Case) -> None:
    """A success is one that the operation describes; a refusal has a status that our APIs have."""
    status = response.status_code
    assert status in MEANT, f"{status} is no answer of ours"
    if case.method.upper() == case.operation.method.upper():  # and no preflight
        described = case.operation.definition.raw["responses"]
        assert status >= 400 or str(status) in described, f"{status} is not described"
