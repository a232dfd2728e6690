"""What is renewed when, over the whole life of authorities and leaves."""

from datetime import UTC, datetime, timedelta

import pytest

from callkeeper.operator.certificates.authority import Certificates, Lifetimes, make_authority, make_leaf, renewed

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
NAMES = ("callkeeper-webhook.callkeeper.svc", "127.0.0.1")
LIVES = Lifetimes()


def trusted(held: Certificates, now: datetime) -> bool:
    """Whether whoever trusts the bundle trusts the leaf now."""
    leaf = held.leaf.x509
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        return False
    for one in held.bundle:
        authority = Certificates(authority=type(held.authority)(certificate=one, key=b""), bundle=(), leaf=held.leaf)
        try:
            leaf.verify_directly_issued_by(authority.authority.x509)
        except Exception:  # noqa: BLE001 - any reason is a no
            continue
        return authority.authority.ends > now
    return False


def test_nothing_is_done_until_two_thirds_of_a_life():
    held = renewed(None, NAMES, LIVES, now=START)
    assert trusted(held, START)
    assert renewed(held, NAMES, LIVES, now=START + timedelta(days=4)) is held
    later = renewed(held, NAMES, LIVES, now=START + timedelta(days=4, hours=17))
    assert later.leaf != held.leaf
    assert (later.authority, later.bundle) == (held.authority, held.bundle)


def test_a_leaf_for_other_names_is_made_anew_at_once():
    held = renewed(None, NAMES, LIVES, now=START)
    assert renewed(held, ("other.svc",), LIVES, now=START).leaf != held.leaf


def test_a_new_authority_is_trusted_before_it_signs_and_the_old_one_stays_until_it_ends():
    held = renewed(None, NAMES, LIVES, now=START)
    due = START + timedelta(days=244)
    held = renewed(held, NAMES, LIVES, now=due - timedelta(hours=20))
    both = renewed(held, NAMES, LIVES, now=due)
    assert len(both.bundle) == 2
    assert both.leaf == held.leaf
    assert renewed(both, NAMES, LIVES, now=due + timedelta(seconds=5)) is both
    switched = renewed(both, NAMES, LIVES, now=due + timedelta(seconds=31))
    assert switched.leaf != both.leaf
    assert switched.bundle == both.bundle
    switched.leaf.x509.verify_directly_issued_by(switched.authority.x509)
    assert len(renewed(switched, NAMES, LIVES, now=START + timedelta(days=366)).bundle) == 1


@pytest.mark.parametrize("step", [timedelta(hours=7), timedelta(days=1)])
def test_over_three_years_the_leaf_is_trusted_at_every_look(step):
    now, held, seen = START, None, set()
    while now < START + timedelta(days=3 * 365):
        before = held
        held = renewed(held, NAMES, LIVES, now=now)
        assert trusted(held, now), now
        if before is not None:
            # Who has not heard of the new bundle yet trusts the leaf that is served by the old one.
            assert trusted(Certificates(authority=before.authority, bundle=before.bundle, leaf=held.leaf), now), now
        seen.add(held.authority.certificate)
        now += step
    assert len(seen) >= 4


def test_an_authority_that_ended_unseen_is_replaced_with_its_leaf():
    held = renewed(None, NAMES, LIVES, now=START)
    later = renewed(held, NAMES, LIVES, now=START + timedelta(days=400))
    assert trusted(later, START + timedelta(days=400))
    assert len(later.bundle) == 1


def test_a_leaf_of_a_minute_is_valid_from_the_start():
    authority = make_authority(timedelta(minutes=10), now=START)
    leaf = make_leaf(authority, NAMES, timedelta(minutes=1), now=START)
    assert leaf.x509.not_valid_before_utc < START
    assert leaf.ends == START + timedelta(minutes=1)
