"""SMPP 3.4 by smpplib's tables: the wire, texts on it, and receipts. What an account chooses stands in its service."""
