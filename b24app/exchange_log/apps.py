"""The room's name and its label differ: its table and its migrations keep the name they were made with."""

from django.apps import AppConfig


class ExchangeLogConfig(AppConfig):
    """The record of what was exchanged with services and portals."""

    name = "b24app.exchange_log"
    label = "journal"
