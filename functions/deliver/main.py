"""deliver: sends what a conversation has to say, in order, and joins what providers tell of it."""

from events import Context, ReplyBegun, ReplyComposed, StatusReceived
from functions.deliver.outbox import Outbox
from shared.hosting import Function

function = Function("deliver", opens=Outbox.open)
function.check("redis", lambda outbox: outbox.live.ping())
function.when_closing(lambda outbox: outbox.closing.set())


@function.on(ReplyComposed)
async def send_what_is_due(outbox: Outbox, event: ReplyComposed, context: Context) -> None:
    """Ends at once when another sender holds the conversation's slot."""
    await outbox.drain(event.tenant, event.conversation)


@function.on(ReplyBegun)
async def show_typing(outbox: Outbox, event: ReplyBegun, context: Context) -> None:
    """Where a person has taken over, or the answer has left, there is nothing to show."""
    await outbox.show_typing(event.tenant, event.conversation)


@function.on(StatusReceived)
async def join_what_was_told(outbox: Outbox, event: StatusReceived, context: Context) -> None:
    """Statuses whose part isn't known yet stay, and are joined when it is; an echo of nothing of ours is a person."""
    await outbox.join(event.tenant, event.channel)


handle = function.target()
