"""What the counters of this process counted during a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY

Counts = dict[tuple[str, str], float]


def read_samples(prefix: str = "sendline_") -> Counts:
    """Return every sample by its name and its labels, as in `("sendline_ready", "")`."""
    return {
        (sample.name, ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name.startswith(prefix) and not sample.name.endswith(("_created", "_bucket"))
    }


@contextmanager
def counted() -> Iterator[Counts]:
    """Yield a dictionary that holds, once the block has ended, the samples that changed in it and by how much."""
    before, changed = read_samples(), Counts()
    yield changed
    after = read_samples()
    changed |= {key: value - before.get(key, 0.0) for key, value in after.items() if value != before.get(key, 0.0)}
