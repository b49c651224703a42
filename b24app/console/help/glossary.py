"""Words of the screens that need a sentence, each explained once."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise

TERMS: tuple[tuple[Words, Words], ...] = (
    (
        _("Service"),
        _("The company that sends your SMS. You have an account there and pay it directly."),
    ),
    (_("Account"), _("Your account at a service, as connected to Sendline.")),
    (_("Sender"), _("An entry in the list of SMS providers in Bitrix24.")),
    (_("Sender ID"), _("The number or name that recipients see.")),
    (_("Segment"), _("The unit that services bill. A long text has several.")),
    (_("Delivery report"), _("What the service reports about a message: delivered, not delivered or failed.")),
    (_("Final status"), _("Delivered, not delivered or failed. It no longer changes by itself.")),
    (_("Opt-out"), _("A recipient who wants no messages. Their number receives nothing.")),
    (_("Handler URL"), _("The secret address to which Bitrix24 sends messages for Sendline.")),
    (_("Diagnostics"), _("A redacted trace of one message for support.")),
)
