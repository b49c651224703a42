"""The Celery application. Tasks only wake workers up: what is due is in the database's rows."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.transport.redis import Channel

# The sweep enqueues again what is lost with a connection. Kombu would requeue the task over that very connection,
# which would end the worker or write the task into a file.
Channel.do_restore = False

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "b24app.settings")

app = Celery("b24app")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["b24app.messaging"])
app.autodiscover_tasks(["b24app.operations"], related_name="worker")
app.autodiscover_tasks(["b24app.operations"], related_name="beat")
app.conf.beat_schedule = {
    "sweep": {"task": "b24app.messaging.tasks.sweep", "schedule": 10.0, "options": {"expires": 10.0}},
    "care": {"task": "b24app.messaging.tasks.care", "schedule": 300.0, "options": {"expires": 300.0}},
}
# Beat keeps no state between restarts: the rows say what is due, and two beats would share one schedule file.
app.conf.beat_scheduler = "celery.beat:Scheduler"


@setup_logging.connect
def keep_logging_settings(**_: Any) -> None:
    """Do nothing: with any receiver Celery leaves levels, handlers and standard output alone."""
