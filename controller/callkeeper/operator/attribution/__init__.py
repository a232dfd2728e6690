"""Who changed what: notes of who wrote an object, and the one audit row per accepted change made from them.

    note      what the webhook tells about one write: who, from where, of which object and generation
    notes     the notes of the last hour, bounded; taken from HTTP bodies
    versions  what counts as a change of an object, and what a row needs to know of it
    who       the person behind a write; `ClusterAttribution` answers for `reconcile`
    book      what was told already, so that a restart tells nothing twice and loses nothing
    planning  which rows are due, from what was seen, what was told and the notes: a pure function
    refusals  refused attempts, told once however often they are repeated
    row       one row from one change
    rows      `ChangeRows`: observes the registry, waits for notes, writes
    config_maps  the books in the cluster
    counting  metrics

The operator makes one `ChangeNotes`, one `ClusterAttribution` and one `ChangeRows`, gives every object version it sees
to `ChangeRows.observe`, and runs `ChangeRows.run` while it leads.
"""
