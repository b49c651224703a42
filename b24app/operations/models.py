"""What the processes write of themselves, so that an operator and the alerts see who lives and works."""

from django.db import models

from b24app.core.sealing import SealedText


class Heartbeat(models.Model):
    """One start of one process. Times are the database's, but for those that say otherwise."""

    process = models.UUIDField(primary_key=True)
    role = models.CharField(max_length=20)
    node = models.CharField(max_length=100)
    version = models.CharField(max_length=20)
    holder = models.UUIDField(null=True)  # of leases, where it runs a dispatcher
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)  # it was asked to stop
    clock_ahead = models.FloatField(default=0)  # seconds, of the process before the database
    turn_age = models.FloatField(null=True)  # seconds since its dispatcher's last turn, at `beat_at`
    spool = models.CharField(max_length=32)  # the identity of the folder: processes of one node share it
    spool_records = models.IntegerField(default=0)
    spool_bytes = models.BigIntegerField(default=0)
    spool_oldest_age = models.FloatField(default=0)  # seconds, at `beat_at`; 0 if nothing waits

    def __str__(self) -> str:
        return f"{self.role} on {self.node}"


class MonitorLease(models.Model):
    """The one row that says which process reads the gauges from the database."""

    holder = models.UUIDField(null=True)
    until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"held by {self.holder}"


class Canary(models.Model):
    """A probe through one queue: started by the elected process, answered by a worker."""

    path = models.CharField(max_length=20, primary_key=True)
    number = models.IntegerField()  # of the last one started
    done = models.IntegerField()  # of the last one that came back
    started_at = models.DateTimeField()
    rung_at = models.DateTimeField(null=True)  # when a worker was last woken for it; a lost task is sent again
    finished_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)  # that the last one took

    def __str__(self) -> str:
        return self.path


class KeyCanary(models.Model):
    """A value sealed with the installation's keys: a process that cannot open it has the wrong ones."""

    value = SealedText()

    def __str__(self) -> str:
        return "key canary"
