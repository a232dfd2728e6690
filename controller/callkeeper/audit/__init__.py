"""The audit log: what may be recorded as done, the row, the store on disk, and its export."""
