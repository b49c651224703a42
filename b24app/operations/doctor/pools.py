"""How many database connections each process may open: one for each thread that asks the database."""

from collections.abc import Mapping

OF_PROCESS = {
    "web": 23,  # 16 threads, 4 reserved, 1 for large bodies, the spool, the monitor
    "webhooks": 19,  # 4 threads, 12 reserved, 1 for large bodies, the spool, the monitor
    "worker": 9,  # 4 threads, the dispatcher, the sweep, the spool, the main thread, the monitor
    "pusher": 21,  # 16 threads, and what each worker has
    "smpp": 5,  # the dispatcher, receipts, the spool, the main thread, the monitor
    "beat": 1,  # the monitor
}
ONE_OF_EACH = dict.fromkeys(OF_PROCESS, 1)


def count_connections(processes: Mapping[str, int]) -> dict[str, int]:
    """Return how many connections all processes of a kind may open together."""
    return {name: OF_PROCESS[name] * count for name, count in processes.items()}


def parse_processes(text: str) -> dict[str, int]:
    """Return how many processes run of each kind, of `web=2,worker=3`; raise ValueError where it is none."""
    pairs = [entry.partition("=") for entry in text.split(",") if entry.strip()]
    counts = {name.strip(): int(count) for name, _, count in pairs}
    if unknown := counts.keys() - OF_PROCESS.keys():
        raise ValueError(f"{min(unknown)} is none of {', '.join(OF_PROCESS)}")
    return ONE_OF_EACH | counts
