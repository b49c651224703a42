"""The SMS service beside the portals: Twilio's API, a plain gateway, and a ledger of accepted texts."""
