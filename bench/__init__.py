"""How fast, how fair, how flat and how small: the figures of `make bench`, against a straightforward design."""
