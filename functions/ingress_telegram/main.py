"""ingress-telegram: takes what Telegram and Bale tell in: authenticated, stored once, answered 200."""

from functools import partial

from shared.hosting import Function
from shared.providers.catalogue import PROVIDERS
from shared.webhooks import IngressApp, Webhooks

NAME = "ingress-telegram"
UNKNOWN_CHANNEL = 404  # a 404 makes both of them try again for a day at most, and shows in getWebhookInfo

function = Function(NAME, opens=partial(IngressApp.open, function=NAME))


@function.serves
def webhooks(app: IngressApp) -> Webhooks:
    """POST /<channel id>."""
    return Webhooks(
        app,
        NAME,
        [
            PROVIDERS[kind]
            for kind in (
                "telegram",
                "bale",
            )
        ],
        unknown_status=UNKNOWN_CHANNEL,
    )


handle = function.target()
