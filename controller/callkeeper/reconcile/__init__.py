"""Brings a running recorder to the wanted configuration and proves it by reading back."""
