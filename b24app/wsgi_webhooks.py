"""Webhooks alone, for `python -m b24app.server b24app.wsgi_webhooks`: a process where no page competes with them."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "b24app.settings")
django.setup(set_prefix=False)

# Models can be imported only once Django is set up.
from b24app.operations import serving  # noqa: E402
from b24app.operations.starting import check_can_start  # noqa: E402
from b24app.webhooks import request_body  # noqa: E402
from b24app.webhooks import wsgi as webhooks  # noqa: E402

check_can_start()
ROLE = "webhooks"
application = serving.serve_watched(webhooks.WebhooksHandler(), ROLE)
policy = serving.build_policy(ROLE, request_body.max_body_size)
