"""The straightforward design that Sendline is measured against: one task per message, one call per status."""

from bench.baseline.celery import app

__all__ = ["app"]
