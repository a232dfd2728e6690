"""The recorder's HTTP API: bodies in, answers and problem documents out, and who may do what."""
