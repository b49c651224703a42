"""The app of what is for the hosting team."""

from django.apps import AppConfig

from b24app.operations import deploy_checks


class OperationsConfig(AppConfig):
    """Management commands, and what `manage.py check --deploy` looks at."""

    name = "b24app.operations"
    label = "operations"

    def ready(self) -> None:
        """Register the checks."""
        deploy_checks.register_checks()
