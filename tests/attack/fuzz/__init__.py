"""Generators of requests that no honest client makes; the same seed makes the same ones."""
