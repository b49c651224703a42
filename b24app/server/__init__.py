"""The HTTP server: waitress, which buffers requests and responses without a thread, with hard limits added.

Nothing here knows the application: `python -m b24app.server MODULE` serves a module's WSGI `application` by the
module's `policy`.
"""
