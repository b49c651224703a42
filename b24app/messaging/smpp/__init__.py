"""The process that keeps accounts bound over SMPP: the same dispatcher, sending over a connection that stays open."""
