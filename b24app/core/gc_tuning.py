"""Tuning Python's garbage collector: our processes make little cyclic garbage and hold much that stays."""

import gc


def reduce_collections() -> None:
    """Freeze what is imported and make full collections rare. Call it once, after all imports."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
