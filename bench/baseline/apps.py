"""The one application of the project."""

from django.apps import AppConfig


class Baseline(AppConfig):
    """Its tables are made by `migrate --run-syncdb`."""

    name = "bench.baseline"
    label = "baseline"
