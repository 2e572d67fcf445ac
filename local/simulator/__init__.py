"""Strict fakes of Telegram, Bale, WhatsApp, Instagram and a model server, for `/demo`, for tests and for Tilt.

It is the other side of the wire: it shares no code with the adapters that it judges. It refuses what the provider would
refuse, in the provider's words; it remembers what it accepted; it can be told to misbehave.
"""

from local.simulator.accounts import (
    Account,
    Accounts,
    BotAccount,
    InstagramAccount,
    ModelAccount,
    WhatsAppAccount,
)
from local.simulator.app import Simulator, create_simulator

__all__ = [
    "Account",
    "Accounts",
    "BotAccount",
    "InstagramAccount",
    "ModelAccount",
    "Simulator",
    "WhatsAppAccount",
    "create_simulator",
]
