"""The app's label differs from its name: its table and migrations keep the name they were created with."""

from django.apps import AppConfig


class ExchangeLogConfig(AppConfig):
    """The log of exchanges with services and portals."""

    name = "b24app.exchange_log"
    label = "journal"
