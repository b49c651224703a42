"""A portal's REST (platform.md C and D): one module per family of methods, `service` puts them behind the door."""
