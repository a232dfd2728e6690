"""`callkeeper webhook`: the admission webhook, and the receiver of the API server's audit webhook.

    review      AdmissionReview in and out, total for whatever comes
    verdict     allowed or not, and the words: what is wrong within one object, and the deletion guard
    neighbours  the other objects of a namespace, listed when they are needed and kept for seconds
    surprises   what is legal but surprising beside the other objects
    question    what a change would take away, asked of the running recorder within a second
    noting      notes of who wrote, from reviews and from audit events
    pushing     notes on their way to every operator replica
    door        the HTTP routes, thin
    serving     the composition root: door, certificates, pushing

Two replicas, no state: whatever is lost with one is a warning or a note that the other webhook's source has too.
"""
