"""`manage.py backfill_breakdowns`: counts by country, source and employee what is older than these breakdowns are."""

from typing import Any

from django.core.management.base import BaseCommand

from b24app.messaging.statistics import backfill


class Command(BaseCommand):
    """Once, when all processes are of a version that has breakdowns; stopping it and running it again do no harm."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        counted, told = 0, 0
        try:
            for share, found in backfill.backfill_breakdowns():
                counted += found
                if int(100 * share) > told:
                    told = int(100 * share)
                    self.stdout.write(f"{told}%: {counted} messages")
        except KeyboardInterrupt:
            self.stdout.write(f"Stopped after {counted} messages. Run it again for the rest.")
            raise SystemExit(130) from None
        self.stdout.write(f"Done: {counted} messages that the breakdowns had left out are counted.")
