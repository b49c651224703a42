"""The queue. It is only a bell: the rows in the database are the truth."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.transport.redis import Channel

# A ring that is lost with a connection is rung again by the sweep. Kombu would put it back through that very
# connection, and the worker would end of it, or write the ring into a file.
Channel.do_restore = False

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "b24app.settings")

app = Celery("b24app")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["b24app.messaging"])
app.autodiscover_tasks(["b24app.operations"], related_name="worker")
app.conf.beat_schedule = {
    "sweep": {"task": "b24app.messaging.tasks.sweep", "schedule": 10.0, "options": {"expires": 10.0}},
    "care": {"task": "b24app.messaging.tasks.care", "schedule": 300.0, "options": {"expires": 300.0}},
}
# Nothing is kept between two lives of a beat: what is due is found by the rows, and a file would be one that two share.
app.conf.beat_scheduler = "celery.beat:Scheduler"


@setup_logging.connect
def leave_logging_as_the_settings_have_it(**_: Any) -> None:
    """With a receiver, even this one, Celery sets no level, no handler of its own, and turns no output into lines."""
