"""`SelfManaged`: the webhook's own authority and leaf, renewed by whichever replica looks first.

    read the Secret → renew what is due → write it (who loses the race reads again) → publish the bundle → serve

Every step can be done again. A leaf is served only when its authority is published, so that the API server never meets
one it cannot trust.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from callkeeper.operator.api import KubeApi
from callkeeper.operator.certificates.authority import Certificates, Lifetimes, renewed
from callkeeper.operator.certificates.bundle import publish
from callkeeper.operator.certificates.kept import CertificateSecret
from callkeeper.operator.certificates.served import CertificateUnusable, ServedCertificate
from callkeeper.operator.errors import ApiError

LOOK_SECONDS = 60.0
"""Between looks: a caBundle that somebody's apply took away is back within that."""

RETRY_SECONDS = 5.0
"""After a look that failed."""

MAX_RACES = 5
"""Times that another replica may write first before it is left to the next look."""

_log = structlog.get_logger()


class SelfManaged:
    """Keeps certificates."""

    def __init__(
        self,
        api: KubeApi,
        secret: CertificateSecret,
        served: ServedCertificate,
        *,
        configuration: str,
        names: tuple[str, ...],
        lifetimes: Lifetimes | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare.

        Args:
            api: the API server.
            secret: shared by all replicas.
            served: gets every new leaf.
            configuration: name of the ValidatingWebhookConfiguration.
            names: what the API server calls the webhook: the Service's DNS names, or an address.
            lifetimes: how long certificates last.
            now: the instant, UTC.
        """
        self._api = api
        self._secret = secret
        self._served = served
        self._configuration = configuration
        self._names = names
        self._lifetimes = lifetimes or Lifetimes()
        self._now = now
        self._leaf = b""
        self.ready = asyncio.Event()
        self.failure: str | None = None
        self.authority_ends: datetime | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        look = min(LOOK_SECONDS, self._lifetimes.leaf.total_seconds() / 20)
        while True:
            try:
                await self.look()
            except (ApiError, CertificateUnusable) as error:
                self.failure = str(error)
                _log.warning("certificates.not-kept", problem=str(error))
                await asyncio.sleep(min(look, RETRY_SECONDS))
            else:
                self.failure = None
                await asyncio.sleep(look)

    async def look(self) -> None:
        """Bring everything to what it should be.

        Raises:
            ApiError: the API server does not do what is needed.
            CertificateUnusable: what the Secret holds cannot be served.
        """
        held = await self._held()
        if await publish(self._api, self._configuration, held.bundle_pem):
            _log.info("certificates.published", configuration=self._configuration, authorities=len(held.bundle))
        self.authority_ends = held.authority.ends
        if held.leaf.certificate != self._leaf:
            self._served.serve(held.leaf.certificate, held.leaf.key)
            self._leaf = held.leaf.certificate
            _log.info("certificates.served", ends=held.leaf.ends.isoformat())
        self.ready.set()

    async def _held(self) -> Certificates:
        """What all replicas hold, once what was due is renewed."""
        held = await self._secret.read()
        for _ in range(MAX_RACES):
            wanted = renewed(held, self._names, self._lifetimes, now=self._now())
            if wanted is held or wanted == held:
                return wanted
            if await self._secret.write(wanted):
                return wanted
            held = await self._secret.read()
        raise ApiError("another replica writes the certificates again and again; see that all have one configuration")
