"""Byte streams of trace files, plain, gzip or zstd, told apart by their first bytes."""

import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Literal, Protocol

import zstandard

from arch.errors import InputError

Compression = Literal["none", "gzip", "zstd"]

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

PIECE_BYTES = 1 << 20
# zstd can expand four bytes to 128 KiB; small slices of input bound what one call may return.
ZSTD_SLICE_BYTES = 512
SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}


class ByteSink(Protocol):
    """Whatever bytes can be written to."""

    def write(self, data: bytes, /) -> object: ...


def check_file(path: str) -> None:
    """Raise InputError unless ``path`` is a regular file that can be opened and is not empty."""
    if not path or "\0" in path:
        raise InputError("is not the path of a file", given=path)
    where = Path(path)
    with reading(path):
        if where.is_dir():
            raise InputError("is a directory", file=path, accepted="a trace file")
        if not where.exists():
            raise InputError("no such file", file=path)
        if not where.is_file():
            raise InputError("is not a regular file", file=path)
        with open(path, "rb") as file:
            if not file.read(1):
                raise InputError("is empty", file=path, accepted="a trace file")


def compression_of(path: str) -> Compression:
    """How the file is compressed, by its first bytes."""
    with reading(path), open(path, "rb") as file:
        head = file.read(4)
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head == ZSTD_MAGIC else "none"


def read_pieces(path: str) -> Iterator[bytes]:
    """The decompressed content in pieces, none of them empty or much above 1 MiB for ordinary text.

    Raises:
        InputError: the file cannot be read, or the compressed data is damaged or cut short.
    """
    read = {"none": _plain_pieces, "gzip": _gzip_pieces, "zstd": _zstd_pieces}[compression_of(path)]
    pieces = read(path)
    while True:
        with reading(path):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turns what the operating system and the decompressors raise into InputError."""
    try:
        yield
    except EOFError as error:
        raise InputError("ends too early: the compressed data is cut short", file=path) from error
    except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise InputError(f"damaged compressed data ({error})", file=path) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", file=path) from error


@contextmanager
def seekable(path: str) -> Iterator[IO[bytes]]:
    """The decompressed content as a file, for formats that are read from their end.

    Raises:
        InputError: as :func:`read_pieces`.
    """
    with ExitStack() as stack:
        if compression_of(path) == "none":
            with reading(path):
                file: IO[bytes] = stack.enter_context(open(path, "rb"))
        else:
            file = stack.enter_context(tempfile.TemporaryFile())
            for piece in read_pieces(path):
                file.write(piece)
            file.seek(0)
        yield file


def _plain_pieces(path: str) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _gzip_pieces(path: str) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _zstd_pieces(path: str) -> Iterator[bytes]:
    # stream_reader() takes a file cut short for a complete one, so the frames are followed here.
    with open(path, "rb") as file:
        frame = zstandard.ZstdDecompressor().decompressobj()
        fed = False  # has this frame begun?
        out = io.BytesIO()
        while data := file.read(ZSTD_SLICE_BYTES):
            while data:
                out.write(frame.decompress(data))
                fed = True
                data = b""
                if frame.eof:
                    data = frame.unused_data
                    frame = zstandard.ZstdDecompressor().decompressobj()
                    fed = False
            if out.tell() >= PIECE_BYTES:
                yield out.getvalue()
                out = io.BytesIO()
        if fed:
            raise EOFError
        if out.tell():
            yield out.getvalue()


def compression_for(path: str) -> Compression:
    """The compression that the last suffix of an output path asks for."""
    return SUFFIXES.get(Path(path).suffix, "none")


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of ``path`` once all is written, and leaves no trace if not.

    Raises:
        InputError: ``path`` cannot be written.
    """
    if not path or "\0" in path:
        raise InputError("is not the path of a file", given=path)
    partial = f"{path}.{os.getpid()}.part"
    try:
        with open(partial, "wb") as file:
            yield file
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", file=path) from error
    finally:
        with suppress(OSError):
            os.unlink(partial)


@contextmanager
def compressing(file: IO[bytes], compression: Compression) -> Iterator[ByteSink]:
    """Compresses what is written into ``file``; equal input gives equal bytes (no time stamp, no name)."""
    if compression == "gzip":
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
            yield packed
    elif compression == "zstd":
        compressor = zstandard.ZstdCompressor(level=6, write_checksum=True)
        with compressor.stream_writer(file, closefd=False) as stream:
            yield stream
    else:
        yield file
