"""The same facts about a message as Sendline keeps, without its phases, leases and tallies."""

import uuid

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import models
from django.utils import timezone

BOX = Fernet(settings.SECRETS_KEY)


class Sender(models.Model):
    """A portal, its account with the service and its sender in one row; tokens and credentials are encrypted."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    code = models.CharField(max_length=64)
    number = models.CharField(max_length=20)
    endpoint = models.CharField(max_length=300)
    access = models.TextField()
    base_url = models.CharField(max_length=300)
    account_sid = models.CharField(max_length=40)
    auth_token = models.TextField()

    def __str__(self) -> str:
        return self.code

    @staticmethod
    def seal(value: str) -> str:
        """Encrypt a token."""
        return BOX.encrypt(value.encode()).decode()

    @staticmethod
    def unseal(value: str) -> str:
        """Decrypt a token."""
        return BOX.decrypt(value.encode()).decode()


class Message(models.Model):
    """One text to one number."""

    reference = models.UUIDField(default=uuid.uuid4, unique=True)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT)
    message_id = models.CharField(max_length=128)
    to = models.CharField(max_length=20)
    text = models.TextField()
    author_id = models.BigIntegerField(null=True)
    received_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=12, default="queued")
    ref = models.CharField(max_length=128, default="", db_index=True)
    parts = models.SmallIntegerField(null=True)
    error = models.CharField(max_length=300, default="")
    sent_at = models.DateTimeField(null=True)
    final_at = models.DateTimeField(null=True)
    pushed = models.CharField(max_length=12, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sender", "message_id"], name="a_wish_comes_once")]

    def __str__(self) -> str:
        return self.message_id


class Exchange(models.Model):
    """One conversation with the service or the portal."""

    at = models.DateTimeField(default=timezone.now)
    message = models.ForeignKey(Message, on_delete=models.CASCADE)
    method = models.CharField(max_length=10)
    url = models.CharField(max_length=500)
    status = models.SmallIntegerField()
    ms = models.IntegerField()
    request = models.TextField()
    response = models.TextField()

    def __str__(self) -> str:
        return self.url
