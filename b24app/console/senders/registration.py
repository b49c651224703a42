"""Saving a sender and registering it in the portal, with everything that can go wrong explained."""

import time

from django.utils import timezone

from b24app.console.wording.explained import Explained
from b24app.console.wording.portal_errors import explain_portal_error, explain_refusal
from b24app.messaging.maintenance.requests import request_check
from b24app.messaging.models import Sender, SenderState
from b24app.messaging.push import sender_registration
from b24app.portals.errors import NotNow, PortalError

PATIENCE = 4.0  # seconds


def save_and_register(sender: Sender) -> Explained | None:
    """Commit the sender, then register it; None when the portal has it now."""
    sender_registration.save_sender(sender)
    return register_saved(sender)


def register_saved(sender: Sender) -> Explained | None:
    """Register a sender that is already saved."""
    try:
        _ask_portal(sender)
    except PortalError as error:
        request_check(sender.portal_id)
        return explain_portal_error(error)
    return explain_refusal(sender) if sender.state == SenderState.REFUSED else None


def _ask_portal(sender: Sender) -> None:
    """Register the sender, and wait out a rate limit of a few seconds, for a person is waiting."""
    try:
        sender_registration.register_sender(sender)
    except NotNow as limit:
        seconds = (limit.until - timezone.now()).total_seconds() if limit.until else PATIENCE
        if seconds >= PATIENCE:
            raise
        time.sleep(max(0.0, seconds))
        sender_registration.register_sender(sender)
