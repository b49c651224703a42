"""The life of an account at a service: check, connect, rotate credentials, pause, block, resume, disconnect."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, F, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from b24app.audit.models import Action
from b24app.audit.recording import record_change, record_edit
from b24app.core import sanitize, sealing, signed_urls, wait_limit
from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.exchange_log.recording import Recorder
from b24app.messaging.connections.token_cache import RedisTokenCache
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.statuses import Phase, Status, Wait
from b24app.portals.models import Portal
from b24app.portals.status_timing import SETTLED_AFTER
from providers.kit import contract, registry
from providers.kit.http import Exchange, Http

STATE_WAITS = {ConnectionState.PAUSED: Wait.PAUSED, ConnectionState.BLOCKED: Wait.BLOCKED}
MAX_TITLE, MAX_LABEL, MAX_SIGNATURE = 100, 200, 60  # characters that their columns hold
HELD_WAITS = (Wait.PAUSED, Wait.BLOCKED, Wait.UNAVAILABLE)


class AlreadyConnected(ValueError):
    """The portal has this account already, as `connection`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.title)
        self.connection = connection


class TooManyAccounts(ValueError):
    """The portal has `limit` accounts and may not have more; if `service` is given, of that service."""

    def __init__(self, limit: int, service: str = "") -> None:
        super().__init__(limit)
        self.limit = limit
        self.service = service


def offered_services() -> list[type[contract.Provider]]:
    """Return the services that this installation offers, sorted by title."""
    services = registry.services().values()
    return sorted((one for one in services if settings.DEMO or not one.pretends), key=lambda one: one.title.lower())


def http_for(service: type[contract.Provider], account: Mapping[str, str], record: Callable[[Exchange], None]) -> Http:
    """Return the HTTP client for one account; the caller closes it.

    Its requests end when the caller's own time limit does (`core.wait_limit`). Raise CannotOpen where no key opens the
    account.
    """
    sealing.require_opened(account)
    http = Http(
        record,
        secrets=service.secrets(account),
        words=service.private_words(account),
        private_networks=settings.ALLOWED_PRIVATE_NETWORKS,
        proxy=settings.EGRESS_PROXY,
    )
    seconds = wait_limit.seconds_left()
    return http if seconds is None else http.ending_within(seconds)


def check_account(service: str, account: Mapping[str, str], portal: Portal) -> contract.Account:
    """Ask the service to check the credentials; return an empty Account for a service that has no check.

    Raise SmsError, or Unavailable if the service's file does not load.
    """
    kind = registry.get(service)
    if not kind.can("check"):
        return contract.Account()
    with Recorder(portal.pk, service) as record:
        http = http_for(kind, account, record)
        try:
            return kind(account, http, RedisTokenCache(f"check-{portal.uuid}")).check()
        finally:
            http.close()


def list_signatures(service: str, account: Mapping[str, str], portal: Portal) -> list[str]:
    """Return the numbers and names that the account may send from; empty if the service lists none. Raise SmsError."""
    kind = registry.get(service)
    if not kind.can("senders"):
        return []
    with Recorder(portal.pk, service) as record:
        http = http_for(kind, account, record)
        try:
            return usable_signatures(kind(account, http, RedisTokenCache(f"check-{portal.uuid}")).senders())
        finally:
            http.close()


def usable_signatures(listed: Iterable[str]) -> list[str]:
    """Return the signatures that a sender can have: a service may list anything, of any length."""
    signatures = (sanitize.sanitize_text(one).strip() for one in listed)
    return [one for one in signatures if one and len(one) <= MAX_SIGNATURE]


def account_columns(found: contract.Account) -> dict[str, Any]:
    """Return an account's label, balance and currency, by column, cut to what the columns hold."""
    return {
        "label": sanitize.sanitize_text(found.label)[:MAX_LABEL],
        "balance": sanitize.sanitize_balance(found.balance),
        "currency": sanitize.sanitize_currency(found.currency),
    }


def connect_account(
    portal: Portal, service: str, title: str, account: Mapping[str, str], found: contract.Account
) -> Connection:
    """Store a checked account; raise AlreadyConnected or TooManyAccounts."""
    columns = account_columns(found)
    with transaction.atomic():
        refuse_duplicate(portal, service, account)
        refuse_too_many(portal, service)
        connection = Connection.objects.create(
            portal=portal,
            service=service,
            title=title or columns["label"][:MAX_TITLE].strip() or registry.get(service).title,
            account=dict(account),
            checked_at=timezone.now(),
            **columns,
        )
        record_change(Action.ADDED, connection.audit_subject, after={"service": service})
        return connection


def refuse_duplicate(
    portal: Portal, service: str, account: Mapping[str, str], *, excluding: Connection | None = None
) -> None:
    """Raise AlreadyConnected if the portal has this account: its rate limit and its reports would be shared.

    Runs inside the caller's transaction, until whose end nobody else connects an account to the portal.
    """
    Portal.objects.select_for_update(no_key=True).get(pk=portal.pk)
    names = registry.get(service).identified_by
    others = Connection.objects.filter(portal=portal, service=service).exclude(state=ConnectionState.REMOVED)
    if excluding is not None:
        others = others.exclude(pk=excluding.pk)
    for other in others if names else ():
        if all(other.account.get(name) == account.get(name) for name in names):
            raise AlreadyConnected(other)


def refuse_too_many(portal: Portal, service: str) -> None:
    """Raise TooManyAccounts if the portal may not have one more; accounts above a lowered limit stay.

    Exact only after `refuse_duplicate` in the same transaction; called earlier, it saves the service a request.
    """
    accounts = Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED)
    if accounts.count() >= settings.ACCOUNTS_PER_PORTAL:
        raise TooManyAccounts(settings.ACCOUNTS_PER_PORTAL)
    stays_bound = registry.get(service).speaks != "http"
    if stays_bound and accounts.filter(service=service).count() >= settings.SMPP_ACCOUNTS_PER_PORTAL:
        raise TooManyAccounts(settings.SMPP_ACCOUNTS_PER_PORTAL, service)


def rotate_credentials(connection: Connection, account: Mapping[str, str], found: contract.Account) -> None:
    """Store new, checked credentials and release what waited for them; raise AlreadyConnected."""
    with transaction.atomic():
        refuse_duplicate(connection.portal, connection.service, account, excluding=connection)
        names = {*connection.account, *account}
        replaced = sorted(name for name in names if connection.account.get(name) != account.get(name))
        connection.account = dict(account)
        columns = account_columns(found)
        connection.label = columns["label"] or connection.label
        connection.balance, connection.currency = columns["balance"], columns["currency"]
        connection.checked_at = timezone.now()
        connection.save(update_fields=["account", "label", "balance", "currency", "checked_at"])
        if replaced:  # which fields, never their values
            record_change(Action.CREDENTIALS, connection.audit_subject, after={"fields": replaced})
    connection.refresh_from_db(fields=["state"])  # the check took a while
    if connection.state == ConnectionState.BLOCKED:
        resume_connection(connection)


def rename_account(connection: Connection, title: str) -> None:
    """Store a new title of an account, which administrators see."""
    with record_edit(connection.audit_subject, lambda: {"title": connection.title}):
        connection.title = title
        connection.save(update_fields=["title"])


def pause_connection(connection: Connection) -> int:
    """Stop sending until somebody resumes it; return how many messages are held now."""
    with transaction.atomic():
        _set_state(connection, ConnectionState.PAUSED, Action.PAUSED)
    return hold_messages(connection)


def block_connection(connection: Connection, reason: str, code: str, message: str) -> None:
    """Stop sending until a person acts, because the service refuses the account.

    Nothing happens if the credentials were replaced after the refused send.
    """
    now = timezone.now()
    unchanged = Connection.objects.filter(pk=connection.pk, checked_at=connection.checked_at)
    with transaction.atomic():
        blocked = unchanged.filter(state=ConnectionState.ACTIVE).update(
            state=ConnectionState.BLOCKED,
            blocked_reason=reason,
            blocked_since=now,
            error_code=code[:60],
            error_words=message[:300],
            error_at=now,
        )
        if blocked:
            record_change(Action.BLOCKED, connection.audit_subject, after={"reason": reason, "code": code[:60]})
    if blocked:
        hold_messages(connection)


def resume_connection(connection: Connection) -> int:
    """Send again; return how many messages were waiting for that."""
    with transaction.atomic():
        _set_state(connection, ConnectionState.ACTIVE, Action.RESUMED)
        Connection.objects.filter(pk=connection.pk).update(
            blocked_reason="", blocked_since=None, troubles_in_a_row=0, breaker_until=None, throttled_until=None
        )
    return release_messages(connection)


def disconnect_account(connection: Connection) -> None:
    """Delete the credentials; the next drain fails what still waits, with the reason `sender_removed`."""
    with transaction.atomic():
        connection.account = {}
        connection.save(update_fields=["account"])
        _set_state(connection, ConnectionState.REMOVED, Action.REMOVED)
    release_messages(connection)


@retry_on_deadlock
def hold_messages(connection: Connection) -> int:
    """Hold the messages of a connection that does not send until they expire; return how many are held now.

    The portal gets `queued` for them. The connection's row is locked, so that nobody resumes it in between.
    """
    with transaction.atomic():
        row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        wait = STATE_WAITS.get(ConnectionState(row.state))
        if wait is None:
            return 0
        return put_off_messages(Message.objects.filter(connection=connection, phase=Phase.WAITING), wait)


def put_off_messages(waiting: "QuerySet[Message]", wait: Wait) -> int:
    """Hold waiting messages until they expire, and make a push of `queued` due for them; return how many.

    Those that wait for the time their author chose are left until then: released with the others they would be sent too
    early. Those of an address that nobody has confirmed are left too.
    """
    now = timezone.now()
    waiting = waiting.exclude(wait=Wait.COPY)
    waiting = waiting.exclude(wait=wait, due_at=F("expires_at")).exclude(wait=Wait.SCHEDULED, due_at__gt=now)
    shown_as_sent = waiting.filter(message_id__isnull=False, pushed=Status.SENT, push_at=None)
    shown_as_sent.update(push_at=Greatest(Value(now, DateTimeField()), F("received_at") + SETTLED_AFTER))
    return waiting.update(wait=wait, due_at=F("expires_at"))


@retry_on_deadlock
def release_messages(connection: Connection) -> int:
    """Make the held messages of a connection due; return how many."""
    held = Message.objects.filter(connection=connection, phase=Phase.WAITING, wait__in=HELD_WAITS)
    return held.update(wait=Wait.NONE, due_at=timezone.now())


def report_address(connection: Connection) -> str:
    """Return the URL to enter at a service that sends reports per account; it is a secret of the account."""
    return signed_urls.report_url(connection.uuid.hex)


def reports_to_old_address(connection: Connection) -> bool:
    """Return whether the service's last report came to a URL that a former key of ADDRESS_KEYS signed."""
    return connection.report_address not in ("", signed_urls.address_id())


def _set_state(connection: Connection, state: ConnectionState, action: Action) -> None:
    """Store a state, and record who set it unless the account was in it. Runs inside the caller's transaction."""
    was = Connection.objects.select_for_update(no_key=True).values_list("state", flat=True).get(pk=connection.pk)
    connection.state = state
    connection.save(update_fields=["state"])
    if was != state:
        record_change(action, connection.audit_subject, before={"state": was}, after={"state": str(state)})
