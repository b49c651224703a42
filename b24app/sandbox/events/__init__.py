"""What the portal and its event server send to the application, and how it gets there (docs/bitrix24.md E, F)."""
