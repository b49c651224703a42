"""The app that records who changed what."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Changes made by administrators and by Sendline itself."""

    name = "b24app.audit"
    label = "audit"
