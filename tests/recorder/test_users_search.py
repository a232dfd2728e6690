"""The search of users finds what looking at everybody finds, page after page, for everybody who asks."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from callkeeper.policy.config import Override, PolicySection, RecorderConfig
from callkeeper.policy.directory import Directory, User
from callkeeper.policy.rules import Rules
from callkeeper.recorder.user_search import OFTEN, UserSearch

MODE = type(PolicySection().default_mode)("AlwaysOn")
LETTERS = st.text(alphabet="aAbßSé @.", max_size=6)
USERS = st.lists(
    st.builds(
        User,
        id=st.text(alphabet="abc/", min_size=1, max_size=3),
        name=LETTERS,
        surname=LETTERS,
        email=LETTERS,
        groups=st.lists(st.sampled_from("xyz"), max_size=2).map(tuple),
    ),
    max_size=3 * OFTEN,
    unique_by=lambda user: user.id,
)
GROUPS = st.none() | st.frozensets(st.sampled_from("xyzq"))


def fits(
    user: User, words: str, overridden: bool | None, config: RecorderConfig | None, groups: frozenset[str] | None
) -> bool:
    text = f"{user.name} {user.surname} {user.email}".casefold()
    has = config is not None and Rules.of(config).override_of(user) is not None
    return (
        all(word in text for word in words.casefold().split())
        and (overridden is None or overridden is has)
        and (groups is None or bool(groups & set(user.groups)))
    )


@given(
    users=USERS,
    changed=USERS,
    words=LETTERS | st.just("ss") | st.just("a b"),
    overridden=st.none() | st.booleans(),
    overrides=st.none() | st.sets(st.sampled_from(["a", "b", "c", "ab"])),
    groups=GROUPS,
    limit=st.integers(1, 7),
)
def test_pages_together_are_everybody_who_fits_in_the_order_of_ids(
    users: list[User],
    changed: list[User],
    words: str,
    overridden: bool | None,
    overrides: set[str] | None,
    groups: frozenset[str] | None,
    limit: int,
) -> None:
    config = None
    if overrides is not None:
        found = tuple(Override(user=name, mode=MODE, object="UserPolicy/a/b") for name in sorted(overrides))
        config = RecorderConfig(policy=PolicySection(overrides=found))
    before = UserSearch(Directory.of(users))
    known = [user for user in changed if user.id in before.directory.users]
    for search in (
        before,
        before.with_changes(before.directory.with_changes(changed), changed),
        before.with_changes(before.directory.with_changes(known), known),
    ):

        def pages(search: UserSearch = search) -> Iterator[str]:
            after = None
            while page := search.page(
                words=words, overridden=overridden, config=config, groups=groups, after=after, limit=limit
            ):
                assert len(page) <= limit
                yield from (user.id for user in page)
                after = page[-1].id

        everybody = search.directory.users
        wanted = sorted(name for name, user in everybody.items() if fits(user, words, overridden, config, groups))
        assert list(pages()) == wanted


def test_a_cursor_of_somebody_who_is_gone_goes_on_behind_them() -> None:
    search = UserSearch(Directory.of([User(id="a"), User(id="c")]))
    page = search.page(words="", overridden=None, config=None, groups=None, after="b", limit=5)
    assert [user.id for user in page] == ["c"]
