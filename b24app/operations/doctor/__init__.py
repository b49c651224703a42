"""Checks of an installation: those that a process makes before it starts, and those of `manage.py doctor`."""
