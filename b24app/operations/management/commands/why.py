"""`manage.py why MESSAGE`: why a message is where it is and what it waited for, in plain sentences."""

from argparse import ArgumentTypeError
from datetime import UTC
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from b24app.messaging.models import Message
from b24app.operations.message_story import StoryLine, sum_up_times, tell_story


class Command(BaseCommand):
    """Tells times in UTC, ids and codes; never a number or a text."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message", type=_parse_id, help="its UUID, as in its page's address, or its number")

    def handle(self, *_args: Any, message: dict[str, Any], **_options: Any) -> None:
        found = Message.objects.select_related("connection", "portal").filter(**message).first()
        if found is None:
            raise CommandError("there is no such message")
        self.stdout.write(
            f"message {found.reference} ({found.pk}) of portal {found.portal_id}, {found.portal.domain}, "
            f"account {found.connection_id} at {found.connection.service}"
        )
        for line in tell_story(found):
            self.stdout.write(_describe_line(line))
        self.stdout.write(sum_up_times(found))


def _parse_id(value: str) -> dict[str, Any]:
    if value.isascii() and value.isdecimal() and len(value) < 18:
        return {"pk": int(value)}
    try:
        return {"reference": UUID(value)}
    except ValueError:
        raise ArgumentTypeError(f"{value} is neither a UUID nor a number") from None


def _describe_line(line: StoryLine) -> str:
    return f"{line.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{line.at.microsecond // 1000:03} {line.text}"
