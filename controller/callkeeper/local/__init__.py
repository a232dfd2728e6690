"""`callkeeper up`: a folder of settings, a recorder, reconciling and the audit log in one process."""
