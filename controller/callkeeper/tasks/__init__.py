"""Tasks that run as long as the process: kept running whatever happens in them. Not here: what any of them does."""
