"""Telling the customer that the conversation changed hands, in the transaction that changes it."""

from uuid import UUID

from shared.answering.notices import Transition, notice
from shared.answering.persona import Persona
from shared.answering.policy.rules import Policy
from shared.answering.values import Said
from shared.providers.catalogue import PROVIDERS
from shared.store import conversations, handover
from shared.store.tenancy import Db


async def tell(
    db: Db,
    tenant: UUID,
    conversation: UUID,
    transition: Transition,
    *,
    correlation: str,
) -> bool:
    """Stores and queues the notice, in the brand's words and the customer's language; whether there is one."""
    voice = await conversations.voice(db, conversation)
    text = notice(
        transition,
        Persona.model_validate(voice.persona or {}),
        Policy.model_validate(voice.policy or {}),
        hint=voice.language,
        said=[Said("customer", text) for text in voice.customer_said],
    )
    if text is None:
        return False
    texts = PROVIDERS[voice.kind].split(text)
    await handover.notify(db, tenant, conversation, text=text, texts=texts, correlation=correlation)
    return True
