"""What the sandbox runs on: web servers, background work, outgoing calls, certificates and its files."""
