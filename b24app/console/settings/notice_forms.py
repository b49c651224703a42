"""The form of notices: who is notified in Bitrix24, of what, and below which balance."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from b24app.console.settings.changed_fields import ChangedFieldsForm
from b24app.console.wording.employees import EmployeeNames
from b24app.messaging.models import Connection
from b24app.messaging.models.notices import NoticeRules
from b24app.messaging.notices import detection
from b24app.portals.models import Portal

KINDS = ("broken", "undecided", "senders", "balance")
COLUMNS = (*KINDS, "failures", "failure_percent", "failure_messages")


def _switch_field(label: Any, help_text: Any) -> forms.BooleanField:
    return forms.BooleanField(
        required=False, label=label, help_text=help_text, widget=forms.CheckboxInput({"role": "switch"})
    )


def _limit_field(label: Any, help_text: Any, *, most: int) -> forms.IntegerField:
    attrs = {"class": "input--sm input--tiny", "inputmode": "numeric", "autocomplete": "off", "dir": "ltr"}
    return forms.IntegerField(
        label=label, help_text=help_text, min_value=1, max_value=most, widget=forms.TextInput(attrs)
    )


class NoticeForm(ChangedFieldsForm):
    """Switches of a portal, and a field for each account whose service reports its balance (`low-<uuid>`)."""

    people = forms.TypedMultipleChoiceField(
        coerce=int,
        label=gettext_lazy("Recipients"),
        help_text=gettext_lazy(
            "Sent as Bitrix24 notifications. Only administrators who have opened Sendline are listed."
        ),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": gettext_lazy(
                "Choose at least one person. To stop all notifications, turn off the events below."
            )
        },
    )
    broken = _switch_field(
        gettext_lazy("Service outage and recovery"),
        gettext_lazy("Includes lost access to Bitrix24. Sent after two minutes, at most once an hour."),
    )
    undecided = _switch_field(
        gettext_lazy("Messages to review"),
        gettext_lazy("When we don’t know whether messages were sent. At most once an hour."),
    )
    senders = _switch_field(
        gettext_lazy("Senders restored"), gettext_lazy("When Bitrix24 lost them, for example after an update.")
    )
    balance = _switch_field(gettext_lazy("Low balance"), gettext_lazy("Sendline checks balances once a day."))
    failures = _switch_field(
        gettext_lazy("High failure rate"),
        gettext_lazy("When a sender’s messages of the last hour reach the limits below. Sent once until it is over."),
    )
    failure_percent = _limit_field(
        gettext_lazy("Failure rate limit, %"), gettext_lazy("Not delivered or failed."), most=100
    )
    failure_messages = _limit_field(
        gettext_lazy("Minimum messages"), gettext_lazy("With a final status in the last hour."), most=100_000
    )

    def __init__(self, portal: Portal, visitor_id: int, data: Any = None) -> None:
        self.rules = detection.notice_rules(portal)
        self.accounts = _accounts_with_balance(portal)
        initial: dict[str, Any] = {name: getattr(self.rules, name) for name in COLUMNS}
        initial["people"] = detection.people_to_notify(portal, self.rules)
        super().__init__(data, initial=initial)
        administrators = detection.administrator_ids(portal)
        names = EmployeeNames.load(portal, administrators)
        people = self.fields["people"]
        choices = [(one, _person_label(names, one, visitor_id)) for one in administrators]
        people.choices = choices  # type: ignore[attr-defined]  # a choice field
        people.required = bool(administrators)
        for account in self.accounts:
            self.fields[_threshold_name(account)] = _threshold_field(account)

    def thresholds(self) -> list[tuple[Connection, forms.BoundField]]:
        """Return each account with its field."""
        return [(account, self[_threshold_name(account)]) for account in self.accounts]

    def switches(self) -> list[forms.BoundField]:
        return [self[name] for name in KINDS]

    def failure_limits(self) -> list[forms.BoundField]:
        """Return the fields below the switch of the failure rate."""
        return [self["failure_percent"], self["failure_messages"]]

    def stored_values(self) -> dict[str, object]:
        """Return what is stored now of all that `save` stores; thresholds by the title of their account."""
        rows = NoticeRules.objects.filter(portal=self.rules.portal)
        stored: dict[str, object] = rows.values("user_ids", *COLUMNS).first() or {}
        accounts = Connection.objects.filter(pk__in=[one.pk for one in self.accounts]).order_by("pk")
        lows = {one.title: f"{one.low_balance:f}" for one in accounts if one.low_balance is not None}
        return {**stored, "low_balance": lows}

    def save(self) -> None:
        """Store what was changed; without any change nobody has chosen yet, and the defaults go on applying."""
        changed = self.changed_values()
        values = {name: changed[name] for name in COLUMNS if name in changed}
        if "people" in changed:
            values["user_ids"] = changed["people"]
        if values:
            NoticeRules.objects.update_or_create(portal=self.rules.portal, defaults=values)
        for account in self.accounts:
            if (name := _threshold_name(account)) in changed:
                Connection.objects.filter(pk=account.pk).update(low_balance=changed[name])


def _accounts_with_balance(portal: Portal) -> list[Connection]:
    mine: Iterable[Connection] = Connection.objects.filter(detection.is_in_use(), portal=portal, balance__isnull=False)
    return sorted(mine, key=lambda account: account.pk)


def _person_label(names: EmployeeNames, user_id: int, visitor_id: int) -> str:
    name, you = names.display_name(user_id), _("you")
    return f"{name} ({you})" if user_id == visitor_id else name


def _threshold_name(account: Connection) -> str:
    return f"low-{account.uuid.hex}"


def _threshold_field(account: Connection) -> forms.DecimalField:
    attrs = {"class": "input--sm input--tiny", "inputmode": "decimal", "autocomplete": "off", "dir": "ltr"}
    low = account.low_balance
    return forms.DecimalField(
        required=False,
        localize=True,
        min_value=0,
        max_digits=14,
        decimal_places=4,
        initial=None if low is None else Decimal(f"{low.normalize():f}"),
        label=_("Alert when “{account}” falls below").format(account=account.title),
        widget=forms.TextInput(attrs),
    )
