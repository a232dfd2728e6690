"""An export as Parquet, for analysts: the same rows in the same order, Date as a timestamp.

pyarrow is an optional extra (`pip install "callkeeper[parquet]"`); nothing else of Callkeeper imports it.
"""

import io
from collections.abc import Iterator
from typing import IO, Any

from callkeeper.audit.errors import AuditError
from callkeeper.audit.row import COLUMNS

BLOCK_BYTES = 4 * 1024 * 1024
"""What is read into rows at a time, a row group each: 64 of the longest rows, some 35,000 usual ones."""


class ParquetMissing(AuditError):  # noqa: N818 - a state of the installation, named as it is said
    """pyarrow is not installed."""


def see_installed() -> None:
    """See that pyarrow is there.

    Raises:
        ParquetMissing: it is not.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: F401, PLC0415 - an optional extra
    except ImportError as error:
        raise ParquetMissing(
            'Parquet takes pyarrow, which is not installed; run: pip install "callkeeper[parquet]"'
        ) from error


def write_parquet(chunks: Iterator[bytes], target: IO[bytes]) -> int:
    """Write an export as Parquet.

    Args:
        chunks: the export as CSV, header line first.
        target: open for writing.

    Returns:
        How many rows it has.

    Raises:
        ParquetMissing: pyarrow is not installed.
        OSError: something cannot be read or written.
    """
    see_installed()
    import pyarrow as pa  # noqa: PLC0415 - an optional extra, imported where it is wanted
    import pyarrow.csv as pa_csv  # type: ignore[import-untyped]  # noqa: PLC0415 - likewise
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415 - likewise

    types: dict[str, Any] = dict.fromkeys(COLUMNS, pa.string())
    types["Date"] = pa.timestamp("s", tz="UTC")
    types["ActionType"] = types["AppName"] = pa.dictionary(pa.int32(), pa.string())
    source = io.BufferedReader(_Chunks(chunks), BLOCK_BYTES)
    reader = pa_csv.open_csv(
        source,
        read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            timestamp_parsers=["%Y-%m-%d %H:%M:%S %z UTC"],
            strings_can_be_null=False,
            null_values=[],
        ),
    )
    rows = 0
    with pq.ParquetWriter(target, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


class _Chunks(io.RawIOBase):
    """Chunks read as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = chunk
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
