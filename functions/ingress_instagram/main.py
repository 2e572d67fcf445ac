"""ingress-instagram: takes what Instagram Messaging tells in: authenticated, stored once, answered 200."""

from functools import partial

from shared.hosting import Function
from shared.providers.catalogue import PROVIDERS
from shared.webhooks import IngressApp, Webhooks

NAME = "ingress-instagram"
UNKNOWN_CHANNEL = 200  # Meta repeats anything but a 200 for days, and may unsubscribe the app

function = Function(NAME, opens=partial(IngressApp.open, function=NAME))


@function.serves
def webhooks(app: IngressApp) -> Webhooks:
    """POST /<channel id>."""
    return Webhooks(app, NAME, [PROVIDERS[kind] for kind in ("instagram",)], unknown_status=UNKNOWN_CHANNEL)


handle = function.target()
