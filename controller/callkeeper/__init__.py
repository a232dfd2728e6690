"""Callkeeper: the settings of a call recorder, kept in git.

The rooms of this package and who may import whom are in ARCHITECTURE.md at the root of the repository.
"""

__version__ = "0.1.0"
