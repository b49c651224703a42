"""Sendline, a Bitrix24 application that sends through the customer's own SMS service."""

from b24app.celery import app as celery

__all__ = ["celery"]
