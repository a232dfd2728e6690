"""The always-on limit: which conversations are inside it.

There is no state and no counter: a conversation's id alone says in which of 20 buckets it is, so replicas and restarts
agree, the legs of a transfer (which share the id) are kept or left together, and what is kept at 60 % is among what is
kept at 65 %. The share is met on average, as a fair coin meets one half.
"""

from hashlib import blake2b

BUCKETS = 20
"""100 % in steps of 5: one bucket a step."""

KEY = b"callkeeper.dev/always-on-limit/1"
"""Published, so that anybody can check a sample. It keeps the buckets apart from whatever else hashes the same ids.
Changing it would change what is kept under an unchanged limit, so it never changes."""

_KEYED = blake2b(key=KEY, digest_size=8)


def bucket(conversation: str) -> int:
    """The bucket of this conversation, 0 to 19.

    BLAKE2b (RFC 7693) keyed with `KEY` over the id's UTF-8, 8 bytes, as a big-endian number modulo 20. 2**64 is not
    a multiple of 20, which favours sixteen buckets by one in 10**18.
    """
    keyed = _KEYED.copy()
    # Ids come from outside; half a surrogate pair (legal in JSON) must not end a decision.
    keyed.update(conversation.encode("utf-8", "surrogatepass"))
    return int.from_bytes(keyed.digest(), "big") % BUCKETS


def inside_limit(conversation: str, limit_percent: int) -> bool:
    """Whether an always-on conversation is recorded under this limit (0 none, 100 all)."""
    return bucket(conversation) * 100 < limit_percent * BUCKETS
