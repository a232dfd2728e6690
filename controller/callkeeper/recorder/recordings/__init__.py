"""Recordings for people: who sees which, finding and reading them, notes and tags, legal holds, deleting and export."""
