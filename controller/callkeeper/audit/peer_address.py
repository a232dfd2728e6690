"""IpAddress of a row: where a request came from, through proxies that are trusted to say so."""

from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.requests import Request

from callkeeper.audit.collector import bounds

Network = IPv4Network | IPv6Network


def peer_address(request: Request, trusted: tuple[Network, ...]) -> str:
    """The address the request came from: the peer, or the last untrusted hop when the peer is a listed proxy.

    Hops are read from the end of X-Forwarded-For, where the nearest proxy wrote; the first that is not a listed proxy
    is it, and what stands before it is anybody's claim.
    """
    peer = request.client.host if request.client else ""
    if not trusted or not _listed(peer, trusted):
        return peer
    hops = ",".join(request.headers.getlist("x-forwarded-for"))
    if len(hops) > bounds.FORWARDED_CHARACTERS:
        return peer
    for hop in reversed(hops.split(",")):
        address = _address(hop.strip())
        if address is None:
            return peer
        peer = address
        if not _listed(address, trusted):
            break
    return peer


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _listed(address: str, trusted: tuple[Network, ...]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in trusted)
