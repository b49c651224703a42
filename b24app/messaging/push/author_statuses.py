"""Who may push while no administrator's token works: authors, the statuses of what they have written (J9)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from b24app.messaging.models import Message
from b24app.portals import tokens
from b24app.portals.errors import NoToken
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import author_tokens, error_policy

MAX_AUTHORS = 20  # of a visit, which is as many calls
LOOKED_THROUGH = 2_000  # of the statuses due last: the tokens of their authors live
REST = timedelta(seconds=10)
REST_IN_VAIN = timedelta(seconds=30)
REFUSED_FOR = timedelta(hours=1)


def find_pushable(portal: Portal) -> list[tuple[PortalToken, list[int]]]:
    """Return authors' tokens, each with the ids of the author's messages whose statuses are due.

    Tokens that came with handler calls lately are stored now, as they are needed.
    """
    latest = Message.objects.filter(portal=portal, push_at__lte=timezone.now()).order_by("-push_at")
    due = defaultdict[int, list[int]](list)
    for message, author in latest.values_list("pk", "author_id")[:LOOKED_THROUGH]:
        if author is not None:
            due[author].append(message)
    usable = tokens.usable_tokens(portal).filter(is_admin=False, user_id__in=list(due))
    missing = set(due) - set(usable.values_list("user_id", flat=True))
    for user_id, token in author_tokens.find_tokens(portal, sorted(missing)).items():
        tokens.store_author_token(portal, user_id, token.access, token.expires_at)
    return [(token, due[token.user_id]) for token in usable.order_by("-expires_at")[:MAX_AUTHORS]]


def set_apart(messages: Sequence[Message], error: NoToken) -> None:
    """Push what the portal refused to an author later: it knows another author."""
    if error.code != "NO_TOKEN":  # which only says that the token has expired
        now = timezone.now()
        due = Message.objects.filter(pk__in=[one.pk for one in messages], push_at__lte=now)
        due.update(push_at=now + REFUSED_FOR)


def come_back_at(portal: Portal, *, pushed: bool) -> datetime | None:
    """Let the portal rest if statuses are still due and somebody has a token; return when to come back."""
    now = timezone.now()
    if not Message.objects.filter(portal=portal, push_at__lte=now).exists():
        return None
    if not tokens.usable_tokens(portal).exists():
        return portal.token_retry_at
    until = now + (REST if pushed else REST_IN_VAIN)
    error_policy.update_portal(portal, push_after=until)
    return until
