"""What a connection to the API server is made of: address, whom to trust, who one is. Where it is found: `access`."""

import base64
import ssl
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An API server's address and the credentials for it; of a path and its data at most one is given.

    Attributes:
        server: base URL.
        ca_path: file of the authority to trust; the system's authorities where neither is given.
        ca_data: the authority itself, PEM or Base64 of it.
        insecure: whatever certificate the server shows is taken.
        certificate_path: file of the client certificate.
        certificate_data: the client certificate itself, PEM or Base64 of it.
        private_key_path: file of its key.
        private_key_data: the key itself, PEM or Base64 of it.
        username: for basic authentication.
        password: likewise.
        token: bearer token.
    """

    server: str
    ca_path: str | None = None
    ca_data: str | None = None
    insecure: bool = False
    certificate_path: str | None = None
    certificate_data: str | None = None
    private_key_path: str | None = None
    private_key_data: str | None = None
    username: str | None = None
    password: str | None = None
    token: str | None = None

    def headers(self) -> dict[str, str]:
        """Those that say who one is; none where the client certificate does."""
        if self.username and self.password:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def tls(self) -> ssl.SSLContext:
        """The context for https.

        Raises:
            OSError, ValueError: a certificate or key cannot be read.
        """
        authority = _pem(self.ca_data) if self.ca_data else None
        context = ssl.create_default_context(cafile=self.ca_path, cadata=authority)
        with ExitStack() as stack:
            certificate = _file(stack, self.certificate_path, self.certificate_data)
            key = _file(stack, self.private_key_path, self.private_key_data)
            if certificate is not None:
                context.load_cert_chain(certificate, key)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _file(stack: ExitStack, path: str | None, data: str | None) -> str | None:
    """A file that holds it: Python's ssl reads certificates and keys from files only."""
    if path is not None or not data:
        return path
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    file = folder / "credential.pem"
    file.touch(mode=0o600)
    file.write_text(_pem(data), encoding="ascii")
    return str(file)


def _pem(data: str) -> str:
    return data if data.startswith("-----BEGIN ") else base64.b64decode(data).decode("ascii")
