"""The process that keeps accounts bound over SMPP: the same board, with flights over a wire that stays open."""
