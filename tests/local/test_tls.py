"""The recorder behind TLS whose certificates are renewed while it runs."""

import http.client
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from tests.local.certificates import Authority, Pair
from tests.local.running import run
from tests.local.serving import Serving, until
from tests.recorder.media.made import wav
from tests.recorder.stage import config

from callkeeper.local.exits import CannotRun
from callkeeper.local.tls import ReloadedTls, TlsFiles
from callkeeper.policy.config_json import to_json
from callkeeper.policy.directory import Role


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "tls.crt", tmp_path / "tls.key"


def client_context(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.certificate.decode())


def connected(recorder: Serving) -> http.client.HTTPSConnection:
    url = recorder.said("recorder_started")["url"]
    assert url.startswith("https://")
    host, _, port = url.removeprefix("https://").partition(":")
    connection = http.client.HTTPSConnection(host, int(port), context=recorder.context, timeout=20)
    connection.connect()
    return connection


def serial(connection: http.client.HTTPSConnection) -> int:
    certificate = connection.sock.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).serial_number


def served(recorder: Serving) -> int:
    """The serial number that a new connection sees."""
    connection = connected(recorder)
    try:
        return serial(connection)
    finally:
        connection.close()


def kept(recorder: Serving) -> str:
    text = recorder.ask(Role.SETTINGS, "GET", "/metrics")[1]
    return next(line for line in text.splitlines() if line.startswith("callkeeper_tls_certificate_kept"))


def test_a_renewed_certificate_is_served_to_who_connects_next_and_an_upload_goes_on(serve, files, authority):
    old, new = authority.pair(), authority.pair()
    old.write(*files)
    recorder = serve("--tls-cert", files[0], "--tls-key", files[1])
    recorder.context = client_context(authority)
    assert "plain_http" not in [one["event"] for one in recorder.log]
    body = {"owner": "cluster:test", "epoch": 1, "config": to_json(config())}
    assert recorder.ask(Role.SETTINGS, "PUT", "/v1/config", body, If_None_Match="*")[0] == 200
    users = [{"id": "ada", "licences": ["CallRecording"]}]
    assert recorder.ask(Role.ADMINISTRATOR, "PUT", "/v1/users", users)[0] == 200
    call = {"nativeId": "1", "conversation": "1", "called": {"user": "ada"}, "calling": {"number": "+390212345"}}
    segment = recorder.ask(Role.INGEST, "POST", "/v1/calls", call)[1]["segment"]

    media = wav(2)
    uploading = connected(recorder)
    uploading.putrequest("PATCH", f"/v1/recordings/{segment}-1/media")
    for name, value in {
        "Authorization": f"Bearer {recorder.secrets[Role.INGEST]}",
        "Upload-Offset": "0",
        "Upload-Complete": "?1",
        "Content-Length": str(len(media)),
    }.items():
        uploading.putheader(name, value)
    uploading.endheaders()
    uploading.send(media[: len(media) // 2])

    # Half of a file, then a key that is another's, then both.
    files[0].write_bytes(new.certificate[:200])
    assert "half" in recorder.said("tls_certificate_kept")["detail"]
    files[0].write_bytes(new.certificate)
    until(lambda: "KEY_VALUES_MISMATCH" in str(recorder.log), lambda: str(recorder.log))
    assert kept(recorder).endswith(" 1.0")
    assert served(recorder) == old.serial
    new.write(*files)
    until(lambda: served(recorder) == new.serial)
    assert kept(recorder).endswith(" 0.0")

    assert serial(uploading) == old.serial
    uploading.send(media[len(media) // 2 :])
    answer = uploading.getresponse()
    assert answer.status in {200, 201, 204}, answer.read()
    uploading.close()
    recorder.ask(Role.INGEST, "POST", f"/v1/calls/{segment}:end", {})
    status, found = recorder.ask(Role.ADMINISTRATOR, "GET", f"/v1/recordings/{segment}-1")
    assert (status, found["media"]["bytes"]) == (200, len(media))
    assert all(pair.key.decode()[40:80] not in "".join(recorder.lines) for pair in (old, new))
    assert recorder.end() == 0


def test_only_clients_of_the_named_authority_are_let_in(serve, files, authority, tmp_path):
    authority.pair().write(*files)
    (tmp_path / "clients.pem").write_bytes(authority.certificate)
    recorder = serve("--tls-cert", files[0], "--tls-key", files[1], "--tls-client-ca", tmp_path / "clients.pem")
    recorder.said("recorder_started")
    recorder.context = with_certificate(authority, authority.pair(), tmp_path)
    assert recorder.ask(None, "GET", "/healthz")[0] == 200
    recorder.context = client_context(authority)
    with pytest.raises(OSError, match=r"(?i)certificate|reset|closed|broken"):
        recorder.ask(None, "GET", "/healthz")


def with_certificate(authority: Authority, pair: Pair, folder: Path) -> ssl.SSLContext:
    context = client_context(authority)
    pair.write(folder / "client.crt", folder / "client.key")
    context.load_cert_chain(folder / "client.crt", folder / "client.key")
    return context


def test_an_expired_certificate_does_not_take_the_place_of_a_good_one(serve, files, authority):
    good = authority.pair()
    good.write(*files)
    recorder = serve("--tls-cert", files[0], "--tls-key", files[1])
    recorder.context = client_context(authority)
    recorder.said("recorder_started")
    authority.pair(days=-1).write(*files)
    until(lambda: "has expired" in str(recorder.log), lambda: str(recorder.log))
    assert served(recorder) == good.serial


def test_up_serves_others_with_tls_and_reaches_its_own_recorder_whatever_is_in_the_certificate(
    up, files, authority, folder
):
    authority.pair().write(*files)
    running = up("--tls-cert", str(files[0]), "--tls-key", str(files[1])).started()
    assert running.url.startswith("https://")
    shown = run(running.home, "users", "list", folder, "--state", running.state)
    assert (shown.returncode, "ada" in shown.stdout) == (0, True), shown.stderr
    (folder / "blacklist.yaml").write_text((folder / "blacklist.yaml").read_text().replace("90XX", "91XX"))
    running.wait_for("in_force")


def test_a_start_with_files_that_cannot_be_used_says_which(files, authority):
    pair = authority.pair()
    pair.write(*files)
    named = TlsFiles(certificate=files[0], key=files[1])
    ReloadedTls(named)
    files[1].write_bytes(authority.pair().key)
    with pytest.raises(CannotRun, match="do not make a certificate with its key"):
        ReloadedTls(named)
    files[0].write_bytes(pair.certificate[:100])
    with pytest.raises(CannotRun, match="half of one"):
        ReloadedTls(named)
    files[0].unlink()
    with pytest.raises(CannotRun, match="cannot be read: No such file"):
        ReloadedTls(named)


def test_a_key_with_a_password_is_refused_instead_of_asked_for(files, authority):
    pair = authority.pair()
    key = serialization.load_pem_private_key(pair.key, None)
    files[0].write_bytes(pair.certificate)
    locked = serialization.BestAvailableEncryption(b"secret")
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    with pytest.raises(CannotRun, match="password"):
        ReloadedTls(TlsFiles(certificate=files[0], key=files[1]))
