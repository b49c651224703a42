"""The pictures of the README and of the market card, made by `make screenshots`."""
