"""YAML text in and out: documents with file, line and column, and findings printed for people and CI."""
