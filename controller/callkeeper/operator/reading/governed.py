"""What a recorder of the cluster is governed by: what its objects say, what is in force, and where the two differ.

What is in force is the recorder's own word, read from its API with the token that its Recorder names, where this person
may read that Secret and the recorder can be reached from here. Where not, what the operator noted in the Recorder's
status is all there is to say, and it is said so.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import NamedTemporaryFile

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder, RecorderSpec
from callkeeper.operator.reading.kubectl import Kubectl, ReadingError
from callkeeper.operator.reading.standing import Document, Standing, readings_of, standings
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import revision
from callkeeper.reconcile.changes import Change, config_changes
from callkeeper.reconcile.errors import RecorderError
from callkeeper.reconcile.http_recorder import HttpRecorder
from callkeeper.reconcile.port import RecorderState

ANSWER_SECONDS = 10.0
"""A person waits; a recorder in another network does not answer at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """One recorder.

    Attributes:
        key: its Recorder.
        endpoint: its address; None where it has none.
        programmed: the revision that the operator noted last.
        observed: the revision that the operator saw it run.
        state: what it says itself; None where it was not reached.
        unreached: why not; empty where it was.
        objects: where each of its objects stands.
        differences: what the objects would bring into force and is not; empty where that is not known.
    """

    key: ObjectKey
    endpoint: str | None
    programmed: str | None
    observed: str | None
    state: RecorderState | None
    unreached: str
    objects: tuple[Standing, ...]
    differences: tuple[Change, ...]

    @property
    def revision(self) -> str | None:
        """What is in force, as far as known."""
        return self.state.revision if self.state is not None else self.observed or self.programmed


async def governed(kubectl: Kubectl, *, recorder: str | None = None) -> tuple[Governed, ...]:
    """Every recorder in the scope, or the one named (`name` or `namespace/name`).

    Raises:
        ReadingError: the cluster cannot be read, or has no such recorder.
    """
    documents = await kubectl.objects()
    readings = readings_of(documents)
    keys = recorders(readings, recorder)
    found = standings(documents)
    return tuple([await _governed(kubectl, key, documents, readings, found) for key in keys])


def recorders(readings: Sequence[ObjectReading], wanted: str | None) -> tuple[ObjectKey, ...]:
    """The Recorders that are there or referred to; of those the ones that `wanted` names.

    Raises:
        ReadingError: there is no such recorder.
    """
    known = sorted(
        {
            ObjectKey(kind="Recorder", namespace=reading.key.namespace, name=reading.recorder)
            for reading in readings
            if reading.recorder
        }
    )
    if wanted is None:
        return tuple(known)
    namespace, slash, name = wanted.rpartition("/")
    chosen = tuple(key for key in known if key.name == name and (not slash or key.namespace == namespace))
    if not chosen:
        listed = ", ".join(f"{key.namespace}/{key.name}" for key in known) or "none"
        raise ReadingError(f"there is no recorder {wanted} here; there are {listed}")
    return chosen


async def _governed(
    kubectl: Kubectl,
    key: ObjectKey,
    documents: Sequence[Document],
    readings: Sequence[ObjectReading],
    found: Sequence[Standing],
) -> Governed:
    own = next((reading for reading in readings if reading.key == key), None)
    document = next((one for one, reading in zip(documents, readings, strict=True) if reading.key == key), {})
    status = document.get("status") or {}
    state, unreached = None, "there is no such Recorder"
    if own is not None:
        try:
            state, unreached = await _ask(kubectl, own), ""
        except (ReadingError, RecorderError) as error:
            unreached = error.message
    return Governed(
        key=key,
        endpoint=(document.get("spec") or {}).get("endpoint"),
        programmed=status.get("revision"),
        observed=status.get("observedRevision"),
        state=state,
        unreached=unreached,
        objects=tuple(one for one in found if one.key.namespace == key.namespace and one.recorder == key.name),
        differences=_differences(readings, key, state.config) if state is not None else (),
    )


async def _ask(kubectl: Kubectl, own: ObjectReading) -> RecorderState:
    """The recorder's own word.

    Raises:
        ReadingError: the Recorder is not valid or has no endpoint, or a Secret cannot be read.
        RecorderError: the recorder does not answer, or not with sense.
    """
    if not isinstance(own.resource, Recorder):
        raise ReadingError("the Recorder is not valid")
    spec, namespace = own.resource.spec, own.key.namespace
    if spec.endpoint is None:
        raise ReadingError("the Recorder has no endpoint")
    token: str | None = None
    if spec.credentials_secret_ref is not None:
        reference = spec.credentials_secret_ref
        data = await kubectl.data("Secret", namespace, reference.name)
        token = data.get(reference.key, "").strip() or None
    tls = await _tls(kubectl, spec, namespace)
    async with HttpRecorder(spec.endpoint, lambda: token, tls=tls, total_seconds=ANSWER_SECONDS) as port:
        return await port.read()


async def _tls(kubectl: Kubectl, spec: RecorderSpec, namespace: str) -> ssl.SSLContext | None:
    """Whom to trust and what to show; None where the Recorder says nothing of it.

    Raises:
        ReadingError: what it names cannot be read or used.
    """
    if spec.ca_ref is None and spec.client_certificate_ref is None:
        return None
    authority = None
    if spec.ca_ref is not None:
        authority = (await kubectl.data(spec.ca_ref.kind.value, namespace, spec.ca_ref.name)).get(spec.ca_ref.key, "")
    try:
        context = ssl.create_default_context(cadata=authority)
        if spec.client_certificate_ref is not None:
            data = await kubectl.data("Secret", namespace, spec.client_certificate_ref.name)
            # Python's ssl reads certificates from files only.
            with NamedTemporaryFile("w") as file:
                file.write(f"{data.get('tls.crt', '')}\n{data.get('tls.key', '')}\n")
                file.flush()
                context.load_cert_chain(file.name)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise ReadingError("the certificates that the Recorder names cannot be used") from error
    return context


def _differences(
    readings: Sequence[ObjectReading], key: ObjectKey, in_force: RecorderConfig | None
) -> tuple[Change, ...]:
    wanted = compile_objects(readings, recorder=key, in_force=in_force).config
    if wanted is None or (in_force is not None and revision(wanted) == revision(in_force)):
        return ()
    return config_changes(in_force, wanted, str)
