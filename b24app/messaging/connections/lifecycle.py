"""An account with a service: checked, connected, given new credentials, paused, disconnected."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, F, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from b24app.core import sanitize, signed_urls, wait_limit
from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.exchange_log.recording import Recorder
from b24app.messaging.connections.token_cache import SharedMemo
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.statuses import Phase, Status, Wait
from b24app.portals.models import Portal
from b24app.portals.status_timing import SETTLED_AFTER
from providers.kit import contract, registry
from providers.kit.http import Exchange, Http

HELD = {ConnectionState.PAUSED: Wait.PAUSED, ConnectionState.BLOCKED: Wait.BLOCKED}
LONGEST_TITLE, LONGEST_LABEL, LONGEST_SIGNATURE = 100, 200, 60  # characters that their columns hold
STUCK = (Wait.PAUSED, Wait.BLOCKED, Wait.UNAVAILABLE)


class ConnectedAlready(ValueError):
    """The portal has this very account already, as `connection`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.title)
        self.connection = connection


class TooManyAccounts(ValueError):
    """The portal has as many accounts as it may, `limit`; with `service` given, as many of that service."""

    def __init__(self, limit: int, service: str = "") -> None:
        super().__init__(limit)
        self.limit = limit
        self.service = service


def offered_services() -> list[type[contract.Provider]]:
    """The services that this installation offers, by title."""
    shelf = registry.services().values()
    return sorted((one for one in shelf if settings.DEMO or not one.pretends), key=lambda one: one.title.lower())


def http_for(service: type[contract.Provider], account: Mapping[str, str], record: Callable[[Exchange], None]) -> Http:
    """The door to the network for one account; the caller closes it. It ends when the caller may wait no longer."""
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
    """Ask the service whether the credentials are good; what it does not offer is an empty Account.

    Raises the kit's SmsError, or Unavailable when the service's file does not load.
    """
    kind = registry.get(service)
    if not kind.can("check"):
        return contract.Account()
    with Recorder(portal.pk, service) as record:
        http = http_for(kind, account, record)
        try:
            return kind(account, http, SharedMemo(f"check-{portal.uuid}")).check()
        finally:
            http.close()


def senders_at(service: str, account: Mapping[str, str], portal: Portal) -> list[str]:
    """The numbers and names that the account may send from; empty where the service does not tell. Raises SmsError."""
    kind = registry.get(service)
    if not kind.can("senders"):
        return []
    with Recorder(portal.pk, service) as record:
        http = http_for(kind, account, record)
        try:
            return usable_senders(kind(account, http, SharedMemo(f"check-{portal.uuid}")).senders())
        finally:
            http.close()


def usable_senders(told: Iterable[str]) -> list[str]:
    """Return what a sender can be named after: a service may list anything, of any length."""
    names = (sanitize.sanitize_text(one).strip() for one in told)
    return [one for one in names if one and len(one) <= LONGEST_SIGNATURE]


def account_facts(found: contract.Account) -> dict[str, Any]:
    """Return what a service says of an account, by column, as far as a column holds it."""
    return {
        "label": sanitize.sanitize_text(found.label)[:LONGEST_LABEL],
        "balance": sanitize.sanitize_balance(found.balance),
        "currency": sanitize.sanitize_currency(found.currency),
    }


def connect_account(
    portal: Portal, service: str, title: str, account: Mapping[str, str], found: contract.Account
) -> Connection:
    """Keep a checked account; raise ConnectedAlready or TooManyAccounts."""
    known = account_facts(found)
    with transaction.atomic():
        refuse_twin(portal, service, account)
        refuse_too_many(portal, service)
        return Connection.objects.create(
            portal=portal,
            service=service,
            title=title or known["label"][:LONGEST_TITLE].strip() or registry.get(service).title,
            account=dict(account),
            checked_at=timezone.now(),
            **known,
        )


def refuse_twin(portal: Portal, service: str, account: Mapping[str, str], *, but: Connection | None = None) -> None:
    """Raise ConnectedAlready where the portal has this account of the service: its limits and reports are one.

    Within a transaction, in which nobody else connects anything to the portal.
    """
    Portal.objects.select_for_update(no_key=True).get(pk=portal.pk)
    names = registry.get(service).identified_by
    mine = Connection.objects.filter(portal=portal, service=service).exclude(state=ConnectionState.REMOVED)
    if but is not None:
        mine = mine.exclude(pk=but.pk)
    for other in mine if names else ():
        if all(other.account.get(name) == account.get(name) for name in names):
            raise ConnectedAlready(other)


def refuse_too_many(portal: Portal, service: str) -> None:
    """Raise TooManyAccounts where the portal may not have one more; what it has above a limit stays.

    Exact only after `refuse_twin` in the same transaction; before, it spares the service a question.
    """
    mine = Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED)
    if mine.count() >= settings.ACCOUNTS_PER_PORTAL:
        raise TooManyAccounts(settings.ACCOUNTS_PER_PORTAL)
    stays_bound = registry.get(service).speaks != "http"
    if stays_bound and mine.filter(service=service).count() >= settings.SMPP_ACCOUNTS_PER_PORTAL:
        raise TooManyAccounts(settings.SMPP_ACCOUNTS_PER_PORTAL, service)


def rotate_credentials(connection: Connection, account: Mapping[str, str], found: contract.Account) -> None:
    """Keep new, checked credentials; what waited for them goes on. Raises ConnectedAlready."""
    with transaction.atomic():
        refuse_twin(connection.portal, connection.service, account, but=connection)
        connection.account = dict(account)
        known = account_facts(found)
        connection.label = known["label"] or connection.label
        connection.balance, connection.currency = known["balance"], known["currency"]
        connection.checked_at = timezone.now()
        connection.save(update_fields=["account", "label", "balance", "currency", "checked_at"])
    connection.refresh_from_db(fields=["state"])  # the check took a while
    if connection.state == ConnectionState.BLOCKED:
        resume_connection(connection)


def pause_connection(connection: Connection) -> int:
    """Stop sending until somebody resumes; answers how many messages wait now."""
    _set_state(connection, ConnectionState.PAUSED)
    return hold_messages(connection)


def block_connection(connection: Connection, reason: str, code: str, words: str) -> None:
    """The service refuses the account: nothing goes until a person acts, unless there are new credentials already."""
    now = timezone.now()
    refused = Connection.objects.filter(pk=connection.pk, checked_at=connection.checked_at)
    changed = refused.filter(state=ConnectionState.ACTIVE).update(
        state=ConnectionState.BLOCKED,
        blocked_reason=reason,
        blocked_since=now,
        error_code=code[:60],
        error_words=words[:300],
        error_at=now,
    )
    if changed:
        hold_messages(connection)


def resume_connection(connection: Connection) -> int:
    """Send again; answers how many messages were waiting for that."""
    _set_state(connection, ConnectionState.ACTIVE)
    Connection.objects.filter(pk=connection.pk).update(
        blocked_reason="", blocked_since=None, troubles_in_a_row=0, breaker_until=None, throttled_until=None
    )
    return release_messages(connection)


def disconnect_account(connection: Connection) -> None:
    """Forget the credentials; what still waits is failed by the next drain as `sender removed`."""
    connection.account = {}
    connection.save(update_fields=["account"])
    _set_state(connection, ConnectionState.REMOVED)
    release_messages(connection)


@retry_on_deadlock
def hold_messages(connection: Connection) -> int:
    """Let the messages of a connection that does not send wait until they expire; the portal hears that they do.

    Its row is locked, so that nobody turns it on between the look and the hold. Answers how many are held now.
    """
    with transaction.atomic():
        row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        wait = HELD.get(ConnectionState(row.state))
        if wait is None:
            return 0
        return put_off_messages(Message.objects.filter(connection=connection, phase=Phase.WAITING), wait)


def put_off_messages(waiting: "QuerySet[Message]", wait: Wait) -> int:
    """Let waiting messages wait until they expire, and the portal hear that they do; answers how many."""
    waiting = waiting.exclude(wait=wait, due_at=F("expires_at"))
    told = waiting.filter(message_id__isnull=False, pushed=Status.SENT, push_at=None)
    told.update(push_at=Greatest(Value(timezone.now(), DateTimeField()), F("received_at") + SETTLED_AFTER))
    return waiting.update(wait=wait, due_at=F("expires_at"))


@retry_on_deadlock
def release_messages(connection: Connection) -> int:
    """Let the held messages of a connection go on."""
    held = Message.objects.filter(connection=connection, phase=Phase.WAITING, wait__in=STUCK)
    return held.update(wait=Wait.NONE, due_at=timezone.now())


def report_address(connection: Connection) -> str:
    """The address to paste at a service that reports for the whole account; it is a secret of the account."""
    return signed_urls.report_url(connection.uuid.hex)


def _set_state(connection: Connection, state: ConnectionState) -> None:
    connection.state = state
    connection.save(update_fields=["state"])
