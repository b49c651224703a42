"""SMPP 3.4: units, the connection they pass over, texts and receipts. What an account chooses stands in its service."""
