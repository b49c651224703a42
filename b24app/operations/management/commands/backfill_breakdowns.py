"""`manage.py backfill_breakdowns`: counts messages older than the breakdowns by country, source and employee."""

from typing import Any

from django.core.management.base import BaseCommand

from b24app.messaging.statistics import backfill


class Command(BaseCommand):
    """Run once, when all processes run a version that has breakdowns; safe to stop and to run again."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        counted, percent = 0, 0
        try:
            for share, count in backfill.backfill_breakdowns():
                counted += count
                if int(100 * share) > percent:
                    percent = int(100 * share)
                    self.stdout.write(f"{percent}%: {counted} messages")
        except KeyboardInterrupt:
            self.stdout.write(f"Stopped after {counted} messages. Run it again for the rest.")
            raise SystemExit(130) from None
        self.stdout.write(f"Done: {counted} messages missing from the breakdowns are now counted.")
