"""The pure core: numbers, patterns, filters, sampling, decision, retention arithmetic, compile."""
