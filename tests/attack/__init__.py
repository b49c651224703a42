"""Attacks on the application, seeded and bounded."""
