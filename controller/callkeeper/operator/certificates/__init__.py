"""The webhook's certificates: an authority and a leaf of its own, renewed and shared by its replicas, or files given.

authority   makes authorities and leaves, and decides what is to be renewed: pure but for randomness
kept        both replicas' common state as a Secret
bundle      the authorities in the ValidatingWebhookConfiguration, which is how the API server trusts the leaf
keeping     `SelfManaged`: renews, publishes, and hands the leaf over to be served
given       `GivenFiles`: a certificate and key from files, read again when they change
served      the TLS context of the server, whose certificate changes while it serves
"""
