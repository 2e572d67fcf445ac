"""What Meta posts: webhooks of WhatsApp and Instagram, signed over the very bytes."""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import httpx


def signature(body: bytes, app_secret: str) -> dict[str, str]:
    """https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads"""
    digest = hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}


def post(channel: Mapping[str, str], webhook: dict[str, Any] | bytes) -> httpx.Response:
    """*webhook* to the channel, signed with its app secret."""
    body = webhook if isinstance(webhook, bytes) else json.dumps(webhook).encode()
    return httpx.post(channel["webhook_url"], content=body, headers=signature(body, channel["app_secret"]), timeout=20)


def whatsapp_text(channel: Mapping[str, str], text: str, *, name: str, phone: str) -> dict[str, Any]:
    """https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples#text-messages"""
    message = {
        "from": phone,
        "id": f"wamid.{uuid.uuid4().hex}",
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": text},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "4915550783881", "phone_number_id": channel["phone_number_id"]},
        "contacts": [{"profile": {"name": name}, "wa_id": phone}],
        "messages": [message],
    }
    entry = {"id": channel["waba_id"], "changes": [{"field": "messages", "value": value}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def instagram_text(channel: Mapping[str, str], text: str, *, sender: str) -> dict[str, Any]:
    """https://developers.facebook.com/docs/instagram-platform/webhooks/examples"""
    now = int(time.time() * 1000)
    item = {
        "sender": {"id": sender},
        "recipient": {"id": channel["account_id"]},
        "timestamp": now,
        "message": {"mid": f"aWdfZA{uuid.uuid4().hex}", "text": text},
    }
    return {"object": "instagram", "entry": [{"id": channel["account_id"], "time": now, "messaging": [item]}]}
