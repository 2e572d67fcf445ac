"""orchestrate: answers what a conversation has open, one turn at a time."""

import time

from events import Context, MessageReceived, ReplyBegun
from functions.orchestrate.desk import SOURCE, Desk, Holding
from functions.orchestrate.signs import signs_of_life
from shared import failpoints
from shared.hosting import HANDLER_SECONDS, Function
from shared.store import conversations, leases

WHOLE_TURN_SECONDS = 28
"""A turn may take this long: the model's ladder of 25 s, and the rows before and after."""

function = Function("orchestrate", opens=Desk.open)


@function.on(MessageReceived)
async def answer_what_is_open(desk: Desk, event: MessageReceived, context: Context) -> None:
    """Ends at once when nothing is open, a person has the conversation, or another event holds its lease."""
    started = time.monotonic()
    async with desk.store.tenant(event.tenant) as db:
        lease = await leases.take(db, event.conversation, event=context.id)
        found = await conversations.read_open(db, lease) if lease else None
        if lease is None:
            await conversations.must_exist(db, event.conversation)
    if lease is not None:
        await failpoints.reached("orchestrate.leased")

    def begun() -> None:
        desk.publisher.soon(ReplyBegun(tenant=event.tenant, conversation=event.conversation), context.follow(SOURCE))

    while lease is not None:
        if time.monotonic() - started > HANDLER_SECONDS - WHOLE_TURN_SECONDS:
            await desk.leave_to_another(event, lease, context)
            return
        async with Holding(desk.store, event.tenant, lease, event=context.id) as holding:
            async with signs_of_life(begun, stop=holding.is_lost):
                lease = await desk.turn(event.tenant, lease, found, holding, context)
            found = None


handle = function.target()
