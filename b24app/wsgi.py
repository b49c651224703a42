"""The web server's way in."""

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "b24app.settings")
everything = get_wsgi_application()

# By name, for models can be imported only from here on.
application = import_module("b24app.doors.wsgi").beside(everything)

# Every web process looks after its node's spool.
import_module("b24app.doors.replay").keep_replaying()
