"""A portal's REST (docs/bitrix24.md C and D): one module per family of methods; `service` checks each request."""
