"""automation-tick: nudges what stayed open, raises the alarm, does what rules are due, keeps dead letters."""

from cloudevents.http import CloudEvent

from events import AutomationDue, Context
from functions.automation_tick.rounds import Rounds
from shared.hosting import Function

TICK = "dev.knative.sources.ping"
"""The PingSource's event. https://knative.dev/docs/eventing/sources/ping-source/"""

function = Function("automation-tick", opens=Rounds.open)


@function.on_foreign(TICK)
async def look_around(rounds: Rounds, tick: CloudEvent) -> None:
    """Every ten seconds. A tick that is lost or doubled does no harm."""
    try:
        await rounds.alarm.look()
    finally:  # the alarm is raised though the broker takes no nudge, and the nudges leave though the alarm failed
        await rounds.nudge_open_work()
    await rounds.let_the_bot_go_on()
    await rounds.prune_hourly()


@function.on(AutomationDue)
async def run_once(rounds: Rounds, event: AutomationDue, context: Context) -> None:
    """Does one claimed run; a run that was done is left alone."""
    await rounds.run(event.tenant, event.run)


@function.on_path("/dead-letters")
async def keep(rounds: Rounds, letter: CloudEvent) -> None:
    """The broker's dead-letter sink: what a trigger could not deliver, with why."""
    await rounds.keep(letter)


handle = function.target()
