"""`make cluster`: a control plane for a person to play with, and every part of Callkeeper running against it."""
