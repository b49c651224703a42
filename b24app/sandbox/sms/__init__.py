"""The SMS service beside the portals: Twilio's dialect, a plain gateway, and a ledger of what was accepted."""
