"""The media of recordings: taking it in, recognising it, keeping it, giving it out."""
