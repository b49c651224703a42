"""The HTTP server: waitress, which reads a request and holds an answer without a thread, and its hard limits here.

Nothing here knows the application: `python -m b24app.server MODULE` serves the WSGI `application` of a module by the
`policy` that stands beside it.
"""
