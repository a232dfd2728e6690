"""Calls: their segments from start to end, what is recorded of whom, and what people do about that meanwhile."""
