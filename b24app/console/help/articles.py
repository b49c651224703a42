"""The articles of help about troubles and topics: a sentence or two in each paragraph, for everyone or administrators.

Where a screen has the same sentence, it is repeated word for word, so that it is translated once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise
DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Article:
    """A page of help. `screen` is the URL name of the place where the reader acts, `step` the words of its button."""

    slug: str
    title: Words
    paragraphs: tuple[Words, ...]
    screen: str = ""
    step: Words = ""
    for_employees: bool = False


_ARTICLES = (
    Article(
        "not-delivered",
        _("A message was not delivered"),
        (
            _("Open the message. It shows the reason, the code of the service and what to do."),
            _("The service tried to deliver it, but the phone could not be reached."),
            _("It may be turned off or out of coverage. Try again later."),
            _(
                "“Failed” means that the message was rejected or never sent. Correct what the message names, such as "
                "the number or the sender ID, and resend it."
            ),
            _(
                "If many messages to one country fail, check whether your service allows that country and whether the "
                "sender ID must be registered there."
            ),
            _("Reports list the most frequent reasons with the messages behind them."),
        ),
        "journal",
        _("Go to messages"),
        for_employees=True,
    ),
    Article(
        "unknown",
        _("The status of a message is unknown"),
        (
            _("The message may have been sent: the service did not confirm it. An administrator has to review it."),
            _("Sendline does not resend it automatically, because the recipient could receive it twice."),
            _(
                "Look for the message in your account at the service. If it is there, select Mark as sent. If it is "
                "not, select Resend."
            ),
            _("If a delivery report arrives later, the status changes automatically."),
            _("Until then, Bitrix24 keeps showing the previous status."),
        ),
        "journal",
        _("Go to messages"),
        for_employees=True,
    ),
    Article(
        "sender-missing",
        _("A sender is missing in Bitrix24"),
        (
            _("Under Senders, select Sync with Bitrix24. Sendline compares both lists and restores missing senders."),
            _("If Bitrix24 rejected a sender, its reason is shown there. Correct it and select Try again."),
            _("A removed sender can be restored at the bottom of its account."),
            _("If Sendline has lost access to Bitrix24, an administrator has to reconnect it in Settings."),
            _("Choose another sender in the automation rule that sent it."),
        ),
        "senders",
        _("Go to senders"),
    ),
    Article(
        "number-rejected",
        _("A phone number is rejected"),
        (
            _(
                "Save numbers with a country code, such as +1 202 555 0147. Numbers without one are read with the "
                "default country from Settings."
            ),
            _("Numbers with too few or too many digits fail in Sendline. They are not sent and cost nothing."),
            _("Landlines and numbers that are no longer in service are rejected by the service."),
            _("Correct the number in the CRM, then resend."),
        ),
        "settings",
        _("Go to settings"),
        for_employees=True,
    ),
    Article(
        "bitrix24-status",
        _("Bitrix24 does not show the status"),
        (
            _("Sendline sends each status to Bitrix24, usually within half a minute."),
            _("Until a message is sent, Bitrix24 shows that it is being sent. A failed message is a “delivery error”."),
            _("Test messages appear in Sendline only. Messages from the Sendline tab appear in the timeline."),
            _(
                "If Sendline has lost access to Bitrix24, messages are still sent. After you reconnect, Bitrix24 "
                "receives the missing statuses."
            ),
        ),
        "journal",
        _("Go to messages"),
        for_employees=True,
    ),
    Article(
        "delay",
        _("Messages are delayed"),
        (
            _("A queued message shows what it waits for: a pause, quiet hours, a limit, the account or a retry."),
            _("If the service does not respond or asks to slow down, Sendline retries at growing intervals."),
            _(
                "Each account sends a limited number of messages per second. Mark the sender of a campaign as low "
                "priority, so that other messages are sent first."
            ),
            _("A message that waits longer than its sender allows, 24 hours by default, expires and is not sent."),
            _("Accepted by the service. Delivery is not confirmed yet; some services never confirm it."),
        ),
        "journal",
        _("Go to messages"),
        for_employees=True,
    ),
    Article(
        "opt-outs",
        _("Opt-outs"),
        (
            _("Messages to these numbers are blocked before they are sent and cost nothing."),
            _("When a service reports an opt-out, the number is added automatically."),
            _("Add numbers one by one, or import them from a CSV file."),
            _(
                "Numbers stay on the list even when messages are erased or expire, so that opt-outs are respected. "
                "Remove a number to delete it. If you uninstall Sendline with its data, the list is deleted."
            ),
            _(
                "Many services keep an opt-out list of their own. A number that you remove here may still be blocked "
                "there."
            ),
        ),
        "stoplist",
        _("Go to opt-outs"),
    ),
    Article(
        "costs",
        _("Costs and segments"),
        (
            _("The service bills your own account, usually per segment."),
            _(
                "A segment holds 160 standard characters, or 70 if the text has emoji, curly quotes or other "
                "alphabets. Longer texts are split into segments of 153 or 67 characters."
            ),
            _("Segments are shown while you write. A sender can convert its texts so that they need fewer segments."),
            _("Prices appear only if the service reports them."),
            _("Set sending limits, so that a faulty automation rule cannot spend your balance."),
        ),
        "limits",
        _("Go to limits"),
    ),
    Article(
        "quiet-hours",
        _("Quiet hours"),
        (
            _("During quiet hours, messages stay queued. They are sent when quiet hours end."),
            _("The recipient’s phone number decides the time zone. If it can be in several, all of them must be over."),
            _("Senders with “Send during quiet hours” are not affected. Use this for codes and confirmations."),
            _("A message that waits longer than its sender allows, 24 hours by default, expires and is not sent."),
        ),
        "limits",
        _("Go to limits"),
    ),
    Article(
        DEMO,
        _("Try Sendline with the demo service"),
        (
            _("This is the demo service. Nothing is sent and nothing is charged."),
            _(
                "The last two digits of the phone number decide: 00–79 delivered, 80–89 not delivered, 90–94 "
                "rejected, 95 opted out, 96 no balance, 97 delivered on the second attempt, 98 no response, 99 "
                "unreachable."
            ),
            _("Your colleagues see its sender in Bitrix24. Remove the sender when you no longer need it."),
        ),
        "senders",
        _("Go to senders"),
    ),
    Article(
        "uninstall",
        _("Uninstall Sendline"),
        (
            _("Uninstall Sendline in the Bitrix24 Market. Its senders disappear from Bitrix24 immediately."),
            _("Sendline deletes its access to Bitrix24 immediately."),
            _(
                "If you choose to delete settings and data, Sendline also erases accounts, messages and opt-outs. "
                "Export them first."
            ),
            _("Otherwise, your accounts and senders are available again after you reinstall Sendline."),
        ),
        "settings",
        _("Go to settings"),
    ),
)
ARTICLES: Mapping[str, Article] = {one.slug: one for one in _ARTICLES}


def visible_articles(*, is_admin: bool) -> list[Article]:
    """Return the articles for this reader, in their order."""
    return [one for one in _ARTICLES if is_visible(one, is_admin=is_admin)]


def is_visible(article: Article, *, is_admin: bool) -> bool:
    """Return whether an article is for this reader; that of the demo service only where it is offered."""
    return (is_admin or article.for_employees) and (article.slug != DEMO or settings.DEMO)
