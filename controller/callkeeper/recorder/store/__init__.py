"""The store: what the recorder keeps about calls, recordings, holds and audit rows on their way."""
