"""What is sent to the recorder, as pydantic models: every string and list bounded, nothing unknown accepted.

These are protocol; what a call or a user is, the core knows. Each model turns itself into the core's value.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints
from pydantic.alias_generators import to_camel

from callkeeper.policy.call import Call, CallKind, Consent, Direction, Identity, Party
from callkeeper.policy.compile import UsedConfirmation
from callkeeper.policy.directory import Licence, Role, User, UserStatus, line
from callkeeper.recorder import bounds
from callkeeper.recorder.calls.arrival import Arrival

# No control characters: they have no place in an identifier and would travel into files and terminals.
PLAIN = r"^[^\x00-\x1f\x7f]*$"
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=bounds.IDENTIFIER_CHARACTERS, pattern=PLAIN)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=bounds.REFERENCE_CHARACTERS, pattern=PLAIN)]
Text = Annotated[str, StringConstraints(max_length=bounds.REFERENCE_CHARACTERS, pattern=PLAIN)]
Number = Annotated[str, StringConstraints(max_length=bounds.NUMBER_CHARACTERS)]


class Body(BaseModel):
    """Base: camel case on the wire, unknown members refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True)


class VerifyBody(Body):
    """What the audit log is held against."""

    against: list[Annotated[str, StringConstraints(max_length=1024)]] = Field(
        [], max_length=bounds.CHECKPOINTS_HELD, description="Lines of checkpoints kept elsewhere."
    )
    public_keys: list[Annotated[str, StringConstraints(max_length=1024)]] = Field(
        [], max_length=bounds.KEYS_HELD, description="Keys known from elsewhere, PEM."
    )


class PartyBody(Body):
    """One end of the call."""

    number: Number | None = Field(None, description="As signalled: a tel:, sip: or sips: URI, or plain text.")
    user: Reference | None = Field(None, description="Directory id or e-mail address, where the source knows it.")
    identity: Identity = Field(Identity.UNKNOWN, description="What the signalling says this party is.")

    def party(self) -> Party:
        """The core's value."""
        return Party(number=self.number, user=self.user, identity=self.identity)


class CallFacts(Body):
    """What may change while a segment lasts."""

    kind: CallKind | None = Field(None, description="Absent: peerToPeer, and group once a third party takes part.")
    calling: PartyBody | None = Field(None, description="Who placed the call.")
    called: PartyBody | None = Field(None, description="Who was dialled for this segment.")
    original_called: PartyBody | None = Field(None, description="Who was dialled at first, before any diversion.")
    redirecting: PartyBody | None = Field(None, description="Who diverted the call here.")
    connected: PartyBody | None = Field(None, description="Who answered, when not the one called.")
    participants: list[PartyBody] = Field(
        [], max_length=bounds.PARTIES, description="Everybody of a group call or meeting not named above."
    )
    recorded_users: list[Reference] = Field(
        [],
        max_length=bounds.PARTIES,
        description="Who is recorded, where the source knows (who answered a shared line, an agent behind a queue); "
        "empty: every directory user among the parties.",
    )
    direction: Direction | None = Field(None, description="As the source knows it; absent: seen from each user's end.")
    consent: Consent = Field(Consent.NOT_ASKED, description="What the parties said about recording.")

    def facts(self, names: frozenset[str] | set[str]) -> dict[str, Any]:
        """These members as fields of the core's `Call`; a kind of null is left out."""
        values: dict[str, Any] = {}
        for name in names & CallFacts.model_fields.keys():
            value = getattr(self, name)
            if isinstance(value, PartyBody):
                value = value.party()
            elif name == "participants":
                value = tuple(party.party() for party in value)
            elif name == "recorded_users":
                value = tuple(value)
            if name != "kind" or value is not None:
                values[name] = value
        return values


class StartBody(CallFacts):
    """A segment starts."""

    native_id: Identifier = Field(
        description="The platform's own id of this segment; the same start again is no other."
    )
    conversation: Identifier = Field(description="Id shared by all segments of one conversation.")
    parent_segment_id: Identifier | None = Field(
        None, description="The segment this one continues: transfer, retrieval from park, consultation."
    )

    def arrival(self) -> Arrival:
        """The core's value."""
        call = Call(native_id=self.native_id, conversation=self.conversation, **self.facts(self.model_fields_set))
        return Arrival(call=call, parent=self.parent_segment_id, kind_stated=self.kind is not None)


class UpdateBody(CallFacts):
    """Something changed: members that are there replace what was, null takes a party away, absent ones stay."""

    def changes(self) -> dict[str, Any]:
        """What changes, as fields of the core's `Call`."""
        return self.facts(self.model_fields_set)


class ConfirmationBody(Body):
    """The annotation that confirms a change, and whose it is."""

    object: Annotated[str, StringConstraints(min_length=1, max_length=400, pattern=PLAIN)] = Field(
        description="kind/namespace/name of the object that carries it."
    )
    text: Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=PLAIN)]


class EnvelopeBody(Body):
    """A config on its way into force."""

    owner: Identifier = Field(description="Who programs: folder:… or cluster:…; one per recorder.")
    epoch: Annotated[StrictInt, Field(ge=0, le=bounds.EPOCH)] = Field(
        description="The owner's fencing epoch; a lower one than in force is refused."
    )
    take_over: StrictBool = Field(False, description="Take the recorder from another owner.")
    confirmations: list[ConfirmationBody] = Field(
        [], max_length=bounds.CONFIRMATIONS, description="Spent with this config, if it changes anything."
    )
    config: dict[str, Any] = Field(description="The whole config, one member a section; see `GET /v1/config`.")

    def used(self) -> tuple[UsedConfirmation, ...]:
        """The core's values."""
        return tuple(UsedConfirmation(object=given.object, text=given.text) for given in self.confirmations)


class LineBody(Body):
    """One line under its two names; either may be absent."""

    extension: Number | None = None
    e164: Number | None = Field(None, description="The public number with its leading +.")


class UserFacts(Body):
    """What is known of one person of the organisation."""

    name: Text = ""
    surname: Text = ""
    email: Text = ""
    lines: list[LineBody] = Field([], max_length=bounds.LINES_PER_USER)
    licences: list[Licence] = Field([], max_length=len(Licence))
    roles: list[Role] = Field([Role.USER], max_length=len(Role))
    groups: list[Text] = Field([], max_length=bounds.GROUPS_PER_USER)
    status: UserStatus = UserStatus.ACTIVE

    def user_of(self, name: str) -> User:
        """The core's value, of this id.

        Raises:
            ValueError: a line is not a number.
        """
        return User(
            id=name,
            name=self.name,
            surname=self.surname,
            email=self.email,
            lines=tuple(line(extension=pair.extension, e164=pair.e164) for pair in self.lines),
            licences=frozenset(self.licences),
            roles=frozenset(self.roles),
            groups=tuple(sorted(set(self.groups))),
            status=self.status,
        )


class UserBody(UserFacts):
    """One person of the organisation."""

    id: Reference = Field(description="Immutable, never reused.")


class OneUserBody(UserFacts):
    """One person of the organisation, whose id stands in the address."""

    id: Reference | None = Field(None, description="The one of the address, where it is told at all.")


class LicenceBody(Body):
    """A licence to give or to take."""

    licence: Licence = Licence.CALL_RECORDING


DirectoryBody = Annotated[list[UserBody], Field(max_length=bounds.DIRECTORY_USERS)]
"""The whole directory."""
