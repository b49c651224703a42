"""How long a portal needs before it shows the status it was given (docs/bitrix24.md D.8, J6 and K1).

The portal marks a message `sent` by itself, some time after it has handed the message to us, and writes that mark over
whatever status it was given earlier. All durations count from the handler call.
"""

from datetime import timedelta

FINAL_STATUS_AFTER = timedelta(seconds=5)  # no final status is pushed earlier: most would be overwritten
OVERWRITES_FOR = timedelta(seconds=30)  # a final status that was acknowledged within this time is pushed once more
SETTLED_AFTER = timedelta(seconds=40)  # when it is pushed once more, and when `queued` may be pushed: `sent` is written
DELETED_AFTER = timedelta(days=14)  # the portal deletes the message (docs/bitrix24.md J7)
