"""ingress-whatsapp: takes what the WhatsApp Cloud API tells in: authenticated, stored once, answered 200."""

from functools import partial

from shared.hosting import Function
from shared.providers.catalogue import PROVIDERS
from shared.webhooks import IngressApp, Webhooks

NAME = "ingress-whatsapp"
UNKNOWN_CHANNEL = 200  # Meta repeats anything but a 200 for days, to every app

function = Function(NAME, opens=partial(IngressApp.open, function=NAME))


@function.serves
def webhooks(app: IngressApp) -> Webhooks:
    """POST /<channel id>."""
    return Webhooks(app, NAME, [PROVIDERS[kind] for kind in ("whatsapp",)], unknown_status=UNKNOWN_CHANNEL)


handle = function.target()
