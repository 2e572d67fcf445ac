"""Writes `events/schemas/*.json` and `docs/events.md` from the models: `python -m events.catalogue`.

A test fails when what is committed differs from what would be written.
"""

import inspect
import json
from pathlib import Path

from events import EVENTS, Event

ROOT = Path(__file__).parents[1]


def schema_of(event: type[Event]) -> str:
    """The JSON Schema of the event's data; the tenant travels as an attribute, so it is not in there."""
    schema = event.model_json_schema()
    del schema["properties"]["tenant"]
    schema["required"].remove("tenant")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["$id"] = event.type
    schema["description"] = inspect.cleandoc(event.__doc__ or "").replace("\n", " ")
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def page() -> str:
    """The readable catalogue."""
    lines = [
        "# Events",
        "",
        "Made from the models in `events/` by `make schemas`. Every event is a CloudEvent 1.0 with the extensions",
        "`tenantid`, `partitionkey`, `correlationid` and `traceparent`; its subject is the field marked so.",
        'An event only says "look now": what must be done stands in the database.',
    ]
    for event in EVENTS:
        lines += [
            "",
            f"## `{event.type}`",
            "",
            inspect.cleandoc(event.__doc__ or ""),
            "",
            "| field | type | |",
            "|---|---|---|",
        ]
        for name, field in event.model_fields.items():
            if name != "tenant":
                kind = getattr(field.annotation, "__name__", str(field.annotation))
                note = "the subject" if name == event.subject_field else (field.description or "")
                lines.append(f"| `{name}` | {kind} | {note} |")
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """Every file of the catalogue with its content."""
    made = {ROOT / "events" / "schemas" / f"{event.type}.json": schema_of(event) for event in EVENTS}
    return {**made, ROOT / "docs" / "events.md": page()}


if __name__ == "__main__":
    for path, content in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
