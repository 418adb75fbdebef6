"""Writes image files byte by byte, since Pillow cannot write them all."""

import struct
import zlib

import numpy as np

# Sample formats of TIFF by kind of NumPy array.
FORMATS = {"u": 1, "i": 2, "f": 3}


def write_png(path, array, bits=None, key=None):
    """Writes samples of 1 to 16 bits; `key` is the transparent grey."""
    height, width, channels = (*array.shape, 1)[:3]
    bits = bits or 8 * array.dtype.itemsize
    if bits < 8:
        planes = np.unpackbits(array[..., None], axis=-1)[..., 8 - bits :]
        rows = np.packbits(planes.reshape(height, -1), axis=1)
    else:
        rows = array.astype(array.dtype.newbyteorder(">"))
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if key is not None:
        chunks.append((b"tRNS", struct.pack(">H", key)))
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks += [(b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        content += struct.pack(">I", len(data)) + name + data + checksum
    path.write_bytes(content)


def write_tiff(path, *pages, subfile=0, white_is_zero=False, bits=None):
    """Writes grey pages; `subfile` is the type of those after the first."""
    content = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for index, array in enumerate(pages):
        data = array.tobytes()
        if bits == 12:
            high, low = array.reshape(-1, 2).T
            packed = high >> 4, (high & 15) << 4 | low >> 8, low & 255
            data = np.stack(packed, axis=-1).astype("uint8").tobytes()
        height, width = array.shape
        tags = {
            254: subfile if index else 0,
            256: width,
            257: height,
            258: bits or 8 * array.dtype.itemsize,
            259: 1,
            262: 0 if white_is_zero else 1,
            273: len(content),
            277: 1,
            278: height,
            279: len(data),
            339: FORMATS[array.dtype.kind],
        }
        content += data
        struct.pack_into("<I", content, link, len(content))
        content += struct.pack("<H", len(tags))
        for number, value in tags.items():
            content += struct.pack("<HHII", number, 4, 1, value)
        link = len(content)
        content += bytes(4)
    path.write_bytes(content)
