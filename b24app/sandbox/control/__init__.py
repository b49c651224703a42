"""`/_/…` of the portal port: everything a test can do in-process, over HTTP with JSON; the pages use it too."""
