"""What the clock sets off."""

from typing import ClassVar
from uuid import UUID

from events.envelope import Event


class AutomationDue(Event):
    """A run of a rule was claimed and waits to be done. At least once a run. automation-tick emits and consumes it."""

    type: ClassVar[str] = "ir.xinbot.automation.due.v1"
    subject_field: ClassVar[str] = "run"

    run: UUID
