"""A widget by its id, and the sites that may show it.

A framed widget speaks from our own origin, so `allowed_origins` is kept by the browser: the page that it is asked for
names these sites in its `frame-ancestors`.
"""

import re
from uuid import UUID

from functions.ingress_web.origins import ANY_PORT
from functions.ingress_web.web import Web
from shared.errors import NotFound
from shared.store import channels, web_sessions
from shared.store.web_sessions import Widget

SITE = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
"""An origin that means itself in a policy, and nothing else."""


async def find_widget(web: Web, widget_id: str) -> Widget:
    """Raises NotFound for one that isn't there or is switched off, and DatabaseAway."""
    try:
        channel = UUID(widget_id)
    except ValueError:
        raise NotFound("no such widget") from None
    tenant = await channels.resolve(web.store, channel)
    if tenant is None:
        raise NotFound("no such widget")
    async with web.store.tenant(tenant) as db:
        widget = await web_sessions.widget(db, channel)
    if widget is None:
        raise NotFound("no such widget")
    return widget


async def framed_by(web: Web, widget_id: str) -> list[str]:
    """What stands behind `frame-ancestors`: ourselves, and the sites of the widget if there is such a one.

    Raises DatabaseAway.
    """
    try:
        origins = (await find_widget(web, widget_id)).origins or []
    except NotFound:
        origins = []
    sites = [f"{origin}:*" if origin in ANY_PORT else origin for origin in origins if SITE.fullmatch(origin)]
    return ["'self'", *sites]
