"""The running recorder: HTTP API, calls, users, and the configuration it obeys."""
