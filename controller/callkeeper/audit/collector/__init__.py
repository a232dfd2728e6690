"""The audit log as a service: a folder of segments per recorder, taken in and given out over HTTP.

Senders (recorders, the operator) hand in numbered events and are told the mark up to which all are on disk; auditors
take ranges out. What a row is, and when it is on disk, is the business of the rooms above this folder.
"""
