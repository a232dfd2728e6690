"""The stations of `compile`: singletons, overrides, blacklist, gates; read `policy/compile.py` first."""
