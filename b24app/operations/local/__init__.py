"""The whole application on one machine, with private stores and the sandbox: `make run` and `make demo`."""
