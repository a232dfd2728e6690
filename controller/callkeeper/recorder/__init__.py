"""The running recorder: its settings, calls and their decisions, the user directory, and the HTTP API over them."""
