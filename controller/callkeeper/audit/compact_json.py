"""JSON texts without blanks, from an encoder that is made once.

The standard library makes its C encoder anew with every call, which takes two thirds of what a small object costs;
rows, events and lines of side files are small objects, in their hundred thousands.
"""

import json.encoder
from collections.abc import Callable
from typing import Any


def compact_encoder(*, ascii_only: bool, sort_keys: bool = False) -> Callable[[Any], str]:
    """What makes such texts; `json.dumps` of the same value, byte for byte.

    What it makes raises TypeError for what JSON cannot say, ValueError for NaN and the infinities, RecursionError for
    what holds itself or is nested too deeply.

    Args:
        ascii_only: everything else stands as escapes.
        sort_keys: members in order of their names.
    """
    separators = (",", ":")
    plain = json.JSONEncoder(ensure_ascii=ascii_only, sort_keys=sort_keys, separators=separators, allow_nan=False)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    text = json.encoder.encode_basestring_ascii if ascii_only else json.encoder.encode_basestring
    # No markers of what was seen: what holds itself is told by its depth.
    once = make(None, plain.default, text, None, ":", ",", sort_keys, False, False)
    return lambda value: "".join(once(value, 0))
