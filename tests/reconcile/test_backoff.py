from hypothesis import given
from hypothesis import strategies as st

from callkeeper.reconcile.backoff import BASE_SECONDS, CAP_SECONDS, Backoff


@given(st.integers(0, 300), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_stay_below_the_cap_and_are_never_nothing(failures, chance):
    backoff = Backoff(lambda: chance)
    pauses = [backoff.failed() for _ in range(failures + 1)]
    assert pauses == sorted(pauses)
    assert all(BASE_SECONDS / 2 <= pause <= CAP_SECONDS for pause in pauses)
    assert backoff.failures == failures + 1
    backoff.succeeded()
    assert backoff.failed() <= BASE_SECONDS
