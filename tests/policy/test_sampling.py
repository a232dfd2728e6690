"""The always-on limit's sample: semantics, "Always-on limit"."""

from hashlib import blake2b
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.policy.sampling import BUCKETS, KEY, bucket, inside_limit

STEPS = range(0, 101, 5)
IDS = [f"conversation-{number}@voice.example.com" for number in range(10_000)]
Z_999 = 3.2905
"""Of the normal distribution, 99.9 % lie within this many standard deviations."""


def kept(percent: int) -> set[str]:
    return {name for name in IDS if inside_limit(name, percent)}


def test_what_is_kept_under_a_limit_is_among_what_is_kept_under_the_next():
    samples = [kept(percent) for percent in STEPS]
    assert all(smaller < larger for smaller, larger in pairwise(samples))


def test_0_is_none_and_100_is_all():
    assert (len(kept(0)), len(kept(100))) == (0, len(IDS))


@pytest.mark.parametrize("percent", STEPS)
def test_the_share_of_10000_fixed_conversations_is_inside_the_99_9_percent_band(percent):
    share = percent / 100
    band = Z_999 * sqrt(len(IDS) * share * (1 - share))
    assert abs(len(kept(percent)) - len(IDS) * share) <= band


def test_each_of_the_20_buckets_has_its_share():
    counts = [0] * BUCKETS
    for name in IDS:
        counts[bucket(name)] += 1
    expected = len(IDS) / BUCKETS
    # Chi-squared with 19 degrees of freedom: 43.8 is passed once in a thousand fair draws.
    assert sum((count - expected) ** 2 / expected for count in counts) < 43.8


def test_the_bucket_is_a_keyed_hash_that_anybody_can_check():
    digest = blake2b(b"conversation-1", key=b"callkeeper.dev/always-on-limit/1", digest_size=8).digest()
    assert bucket("conversation-1") == int.from_bytes(digest, "big") % 20
    assert KEY == b"callkeeper.dev/always-on-limit/1"


def test_replicas_and_later_releases_agree():
    # Pinned: a change of these would change what is recorded under an unchanged limit.
    assert [bucket(name) for name in ("", "a", "conversation-1", "żółć")] == PINNED


PINNED = [4, 13, 19, 2]


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_id_has_a_bucket_even_half_a_surrogate_pair(name):
    assert 0 <= bucket(name) < BUCKETS
    assert bucket(name) == bucket(name)
