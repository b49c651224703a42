"""Python's search for circular garbage, made rare: a process of ours makes little of it and holds much that stays."""

import gc


def collect_rarely() -> None:
    """Called once everything is imported: what is there stays, and full rounds come seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
