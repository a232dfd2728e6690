"""What a person at a terminal wants to know of a cluster: read only, as that person, through their kubectl.

    kubectl     objects and Secrets, read with whatever credentials kubectl uses
    standing    of each object: in force or not, why, since when; pure
    governed    of each recorder: what is wanted, what is in force, where they differ

Nothing here is used by the running operator, and nothing here imports its libraries: a terminal does not wait for them.
"""
