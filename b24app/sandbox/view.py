"""A portal as the control addresses and the pages show it, in plain JSON values."""

import dataclasses
from typing import Any

from b24app.sandbox.crm import ENTITIES
from b24app.sandbox.portal import Portal
from b24app.sandbox.state import Message, PortalState
from b24app.sandbox.world import World

_SHOWN_MESSAGES = 200

# The label of a status on a CRM card (docs/bitrix24.md D.7).
STATUS_LABELS = {
    "pending": "Waiting",
    "error": "Sending error",
    "deferred": "Deferred",
    "queued": "Sending",
    "sent": "Sent",
    "delivered": "Delivered",
    "undelivered": "Not delivered",
    "failed": "Delivery error",
}


def describe_message(item: Message) -> dict[str, Any]:
    """Return a message with the label of its status and the outcome of the latest handler call."""
    return dataclasses.asdict(item) | {"word": STATUS_LABELS[item.status], "handler_status": item.handler_status}


def describe_portal(world: World, state: PortalState) -> dict[str, Any]:
    """Return a portal's identity and how far the application is installed."""
    return {
        "key": state.key,
        "title": state.title,
        "member_id": state.member_id,
        "domain": world.domain(state),
        "url": world.page_url(state),
        "client_endpoint": world.client_endpoint(state),
        "app": dataclasses.asdict(state.app),
    }


def describe_portals(world: World) -> dict[str, Any]:
    """Return all portals."""
    with world.lock:
        return {"portals": [describe_portal(world, state) for state in world.portals.values()]}


def describe_all(handle: Portal) -> dict[str, Any]:
    """Return the whole state for pages and tests; of messages the latest 200, newest last."""
    state, world = handle.state, handle.world
    with world.lock:
        return describe_portal(world, state) | {
            "app_url": world.app_url,
            "sms_url": world.sms_url,
            "host": state.host,
            "language": state.language,
            "users": [dataclasses.asdict(user) for user in state.users.values()],
            "senders": [dataclasses.asdict(sender) for sender in state.senders.values()],
            "messages": [describe_message(item) for item in state.messages[-_SHOWN_MESSAGES:]],
            "handlers": [dataclasses.asdict(item) for item in state.handlers],
            "placements": [dataclasses.asdict(item) for item in state.placements],
            "notifications": [dataclasses.asdict(item) for item in state.notifications],
            "crm": [dataclasses.asdict(entity) for entity in ENTITIES.values()],
            "timeline": [dataclasses.asdict(item) for item in state.timeline],
            "tokens": [dataclasses.asdict(item) for item in state.tokens.values()],
            "switches": dataclasses.asdict(state.switches),
            "bucket": handle.bucket_level,
        }
