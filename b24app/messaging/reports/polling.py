"""Ask services about messages whose delivery they have not reported."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from b24app.exchange_log.recording import Recorder
from b24app.messaging.connections import lifecycle
from b24app.messaging.connections.token_cache import RedisTokenCache
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.reports.acceptance import insert_reports
from b24app.messaging.retry_policy import next_poll_at
from providers.kit import contract, registry
from providers.kit.errors import SmsError

BATCH_SIZE = 100


def poll_due(connection_id: int) -> datetime | None:
    """Ask the service about the messages that are due to be polled, in one request; return when to poll next."""
    connection = Connection.objects.select_related("portal").get(pk=connection_id)
    if connection.portal.uninstalled_at is not None or connection.state == ConnectionState.REMOVED:
        return None
    kind = registry.find(connection.service)
    if kind is None:
        return None  # its file does not load here
    asked = _claim_due_polls(connection_id, kind)
    if asked:
        with Recorder(connection.portal_id, connection.service, connection_id) as record:
            http = lifecycle.http_for(kind, connection.account, record)
            # The service's answer may quote the message.
            http = http.hiding(number=[one.to for one in asked], text=[one.text for one in asked])
            try:
                refs = [one.ref or one.reference.hex for one in asked]
                insert_reports(
                    connection_id, kind(connection.account, http, RedisTokenCache(connection.uuid.hex)).look_up(refs)
                )
            except SmsError:
                pass  # recorded; the next poll is already scheduled
            finally:
                http.close()
    later = Message.objects.filter(connection_id=connection_id, poll_at__isnull=False)
    return later.order_by("poll_at").values_list("poll_at", flat=True).first()


def _claim_due_polls(connection_id: int, kind: type[contract.Provider]) -> list[Message]:
    """Claim the messages that are due, and schedule their next poll before this one is made."""
    now = timezone.now()
    due = Message.objects.filter(connection_id=connection_id, poll_at__lte=now)
    with transaction.atomic():
        batch = list(due.order_by("poll_at").select_for_update(skip_locked=True)[:BATCH_SIZE])
        for message in batch:
            message.polls += 1
            message.poll_at = next_poll_at(message, kind)
        Message.objects.bulk_update(batch, ["polls", "poll_at"])
    return [one for one in batch if one.ref or kind.known_by_reference]
