"""Rows of a portal in every table that can have some, found by the schema and not by a list."""

import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

from b24app.core.sealing import SealedJSON, SealedText
from b24app.messaging.models import Connection, Message, Sender
from b24app.portals.models import Portal

OWNERS: Mapping[str, type[models.Model]] = {
    "portal_id": Portal,
    "connection_id": Connection,
    "sender_id": Sender,
    "message_id": Message,
}
Ids = Mapping[type[models.Model], set[int]]


def models_of_portals() -> list[type[models.Model]]:
    """Return the models with a column that leads to a portal, directly or by an account, a sender or a message."""
    ours = [model for model in apps.get_models() if model.__module__.startswith("b24app.")]
    return [model for model in ours if model is Portal or any(True for _ in owner_columns(model))]


def add_rows(message: Message) -> None:
    """Add a row of this message's portal to every table that has none yet."""
    owners: Mapping[type[models.Model], models.Model] = {
        Portal: message.portal,
        Connection: message.connection,
        Sender: message.sender,
        Message: message,
    }
    for model in models_of_portals():
        if model not in owners and not count_rows(model, {kind: {row.pk} for kind, row in owners.items()}):
            fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
            model.objects.create(**{field.attname: _value(field, owners) for field in fields})  # type: ignore[attr-defined]


def count_rows(model: type[models.Model], ids: Ids) -> int:
    """Return how many rows of the model belong to these portals, accounts, senders or messages."""
    if model in ids:
        return model.objects.filter(pk__in=ids[model]).count()  # type: ignore[attr-defined, no-any-return]
    belongs = models.Q()
    for column, owner in owner_columns(model):
        belongs |= models.Q(**{f"{column}__in": ids[owner]})
    return model.objects.filter(belongs).count()  # type: ignore[attr-defined, no-any-return]


def owner_columns(model: type[models.Model]) -> Iterator[tuple[str, type[models.Model]]]:
    for field in model._meta.concrete_fields:
        owner = field.related_model if field.is_relation else OWNERS.get(field.attname)
        # A message's own message_id is the portal's, a text.
        if owner in OWNERS.values() and not (owner is Message and isinstance(field, models.CharField)):
            yield field.attname, owner  # type: ignore[misc]


def _value(field: "models.Field[Any, Any]", owners: Mapping[type[models.Model], models.Model]) -> object:
    """Return something that the column takes."""
    owner = field.related_model if field.is_relation else OWNERS.get(field.attname)
    if owner in owners:
        return owners[owner].pk  # type: ignore[index]
    if field.has_default():
        return field.get_default()
    if field.null:
        return None
    kinds: list[tuple[type[models.Field[Any, Any]], object]] = [
        (SealedText, "secret"),
        (SealedJSON, {}),
        (models.DateTimeField, timezone.now()),
        (models.DateField, timezone.now().date()),
        (models.UUIDField, uuid.uuid4()),
        (models.JSONField, {}),
        (models.DecimalField, Decimal(1)),
        (models.BooleanField, False),
        (models.IntegerField, 1),
        (models.CharField, "x"),
        (models.TextField, "x"),
    ]
    return next(value for kind, value in kinds if isinstance(field, kind))
