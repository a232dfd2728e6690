"""Whether anything may be changed at this instant: asked before every change, never remembered.

Settings objects of a namespace that is being deleted vanish one by one, often before their Recorder. The recorder they
are for runs on, and must not lose its blacklist on the way.
"""

from collections.abc import Awaitable, Callable

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator import paths
from callkeeper.operator.api import KubeApi
from callkeeper.operator.errors import ApiError, ApiNotFound, ApiUnavailable
from callkeeper.reconcile.errors import Refused, StaleEpoch, Unreachable, Withheld


def permit(api: KubeApi, recorder: ObjectKey, may_write: Callable[[], bool]) -> Callable[[], Awaitable[None]]:
    """Makes the question for one Recorder; it raises `RecorderError` where the answer is no."""

    async def ask() -> None:
        if not may_write():
            raise StaleEpoch("this replica does not lead any more; the one that does programs this recorder")
        try:
            namespace = await api.get(paths.namespace(recorder.namespace))
        except ApiNotFound:
            raise Withheld(_GOING.format(recorder.namespace)) from None
        except ApiUnavailable as error:
            raise Unreachable(f"the API server does not say whether the namespace is being deleted: {error}") from error
        except ApiError as error:
            raise Refused(
                f"the operator may not read namespace {recorder.namespace}, and programs nothing without knowing "
                "whether it is being deleted; grant it `get` on namespaces"
            ) from error
        if namespace["metadata"].get("deletionTimestamp") is not None:
            raise Withheld(_GOING.format(recorder.namespace))

    return ask


_GOING = "namespace {} is being deleted; what the recorder runs stays as it is"
