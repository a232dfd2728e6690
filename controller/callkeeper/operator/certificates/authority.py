"""Authorities and leaves, and what is to be renewed when.

A certificate is renewed at two thirds of its life, by whichever replica looks first. A new authority is trusted before
it signs: first the bundle holds old and new, and only when that had time to get to the API server comes a leaf of the
new one; the old one stays in the bundle until it ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATED = timedelta(minutes=5)
"""Clocks of a cluster's machines differ by less. A leaf with a life of minutes is backdated by less."""

RENEWED_AT = 2 / 3
"""Of its life. What fails then has the last third to be seen and mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long certificates last, and how long a new bundle takes to be known.

    Attributes:
        authority: a year: nobody but the API server trusts it.
        leaf: a week.
        settling: between a new bundle and a leaf that needs it; the API server takes up a changed configuration
            within a second or two.
    """

    authority: timedelta = timedelta(days=365)
    leaf: timedelta = timedelta(days=7)
    settling: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes

    @property
    def x509(self) -> x509.Certificate:
        """The certificate, read."""
        return x509.load_pem_x509_certificate(self.certificate)

    @property
    def ends(self) -> datetime:
        """When it ends, UTC."""
        return self.x509.not_valid_after_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What all replicas share.

    Attributes:
        authority: signs new leaves.
        bundle: authorities to trust, PEM, the signing one first.
        leaf: to be served.
    """

    authority: Pair
    bundle: tuple[bytes, ...]
    leaf: Pair

    @property
    def bundle_pem(self) -> bytes:
        """The bundle as one text."""
        return b"".join(self.bundle)


def renewed(held: Certificates | None, names: Sequence[str], lifetimes: Lifetimes, *, now: datetime) -> Certificates:
    """What is to be held now: `held` itself where nothing is to be done.

    Args:
        held: what is held; None at the very first.
        names: DNS names and IP addresses that the leaf is for.
        lifetimes: how long what lasts.
        now: the instant, UTC.
    """
    if held is None or held.authority.ends <= now:
        authority = make_authority(lifetimes.authority, now=now)
        leaf = make_leaf(authority, names, lifetimes.leaf, now=now)
        return Certificates(authority=authority, bundle=(authority.certificate,), leaf=leaf)
    if _due(held.authority, now):
        authority = make_authority(lifetimes.authority, now=now)
        return replace(held, authority=authority, bundle=(authority.certificate, *_lasting(held.bundle, now)))
    bundle = _lasting(held.bundle, now)
    if bundle != held.bundle:
        held = replace(held, bundle=bundle)
    settled = now >= _begins(held.authority) + lifetimes.settling
    if _due(held.leaf, now) or not _covers(held.leaf, names) or (settled and not _signed_by(held)):
        # Before the new authority is known everywhere only an old leaf that ends would be worse than its own.
        if not settled and len(held.bundle) > 1 and held.leaf.ends > now and _covers(held.leaf, names):
            return held
        return replace(held, leaf=make_leaf(held.authority, names, lifetimes.leaf, now=now))
    return held


def make_authority(life: timedelta, *, now: datetime) -> Pair:
    """A new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"callkeeper webhook {now:%Y-%m-%dT%H:%M:%SZ}")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, name, key, life, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def make_leaf(authority: Pair, names: Sequence[str], life: timedelta, *, now: datetime) -> Pair:
    """A new leaf of an authority for these DNS names and IP addresses."""
    signer = serialization.load_pem_private_key(authority.key, password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        _builder(subject, authority.x509.subject, key, life, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    return _pair(certificate, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - min(BACKDATED, life / 10))
        .not_valid_after(now + life)
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _due(pair: Pair, now: datetime) -> bool:
    certificate = pair.x509
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= begins + (ends - begins) * RENEWED_AT


def _begins(authority: Pair) -> datetime:
    """When it was made: its name says so; its validity begins earlier."""
    common = authority.x509.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    try:
        return datetime.strptime(str(common).rpartition(" ")[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return authority.x509.not_valid_before_utc


def _lasting(bundle: Sequence[bytes], now: datetime) -> tuple[bytes, ...]:
    return tuple(one for one in bundle if x509.load_pem_x509_certificate(one).not_valid_after_utc > now)


def _covers(leaf: Pair, names: Sequence[str]) -> bool:
    extension = leaf.x509.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return set(extension.value) == {_general(name) for name in names}


def _signed_by(held: Certificates) -> bool:
    try:
        held.leaf.x509.verify_directly_issued_by(held.authority.x509)
    except (ValueError, InvalidSignature):
        return False
    return True
