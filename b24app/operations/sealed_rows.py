"""What a row with a sealed column is called for the operator: whose it is, and nothing of what it holds."""

from typing import Any

from django.apps import apps

from b24app.core.resealing import SealedColumn
from b24app.messaging.models import Connection
from b24app.portals.models import Portal


def describe_row(column: SealedColumn, pk: int) -> str:
    """Return the row's model, number and portal, of an account its title too."""
    model_label, _, field = column.name.rpartition(".")
    row: Any = apps.get_model(model_label)._base_manager.filter(pk=pk).first()
    portal = row if isinstance(row, Portal) else getattr(row, "portal", None)
    title = f" “{row.title}” ({row.service})" if isinstance(row, Connection) else ""
    return f"{field} of {model_label} {pk}{title}" + (f", {portal.domain}" if portal else "")
