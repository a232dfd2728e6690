"""Looking after what a recorder keeps, from outside: checking, mending, backing up, restoring."""
