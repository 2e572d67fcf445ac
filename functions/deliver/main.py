"""deliver: sends what a conversation has to say, in order, and joins what providers tell of it."""

from events import Context, ReplyComposed, StatusReceived
from functions.deliver.outbox import Outbox
from shared.hosting import Function

function = Function("deliver", opens=Outbox.open)
function.check("redis", lambda outbox: outbox.live.ping())
function.when_closing(lambda outbox: outbox.closing.set())


@function.on(ReplyComposed)
async def send_what_is_due(outbox: Outbox, event: ReplyComposed, context: Context) -> None:
    """Ends at once when another sender holds the conversation's slot."""
    await outbox.drain(event.tenant, event.conversation)


@function.on(StatusReceived)
async def join_what_was_told(outbox: Outbox, event: StatusReceived, context: Context) -> None:
    """Statuses whose part isn't known yet stay, and are joined when it is."""
    await outbox.join(event.tenant, event.channel)


handle = function.target()
