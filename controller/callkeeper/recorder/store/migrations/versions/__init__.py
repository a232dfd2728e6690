"""Each version says how to come to it and how to go back."""
