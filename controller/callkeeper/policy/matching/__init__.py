"""The engines of `PatternSet`, one form of pattern each; which pattern goes to which is in `policy/patterns.py`."""
