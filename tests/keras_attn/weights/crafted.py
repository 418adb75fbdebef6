"""Creates malicious files."""

import io
import json
import os
import pickle
import struct
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest

from tests.keras_attn.weights.fitting import assert_state, state_of

CODES = {
    "bfloat16": "BF16",
    "bool": "BOOL",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
    "int64": "I64",
    "uint8": "U8",
}
# More bytes than any reader needs for files of this size.
LITTLE = 16 * 2**20


def import_torch():
    return pytest.importorskip("torch", reason="reads PyTorch's own files")


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


class Peak:
    """Measures the peak memory of Python and NumPy, in bytes."""

    def __enter__(self):
        tracemalloc.start()
        return self

    def __exit__(self, *error):
        self.bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


def refuse(load, layer, path, words):
    """Asserts that a file is rejected in little memory and changes nothing.

    Returns the error.
    """
    before = state_of(layer)
    with Peak() as peak, pytest.raises(ValueError, match=words) as caught:
        load(layer, path)
    assert_state(layer, before)
    assert peak.bytes < LITTLE
    return caught.value


def write(path, arrays, zipped=True):
    """Writes arrays in the format of a path's suffix."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".safetensors":
        pytest.importorskip("safetensors", reason="reads its files")
        write_safetensors(path, arrays)
    else:
        torch = import_torch()
        torch.save(
            {name: torch.tensor(array) for name, array in arrays.items()},
            path,
            _use_new_zipfile_serialization=zipped,
        )


def write_safetensors(path, arrays):
    """Writes the format as specified, without the library."""
    header, data = {}, b""
    for name, array in arrays.items():
        start, data = len(data), data + array.tobytes()
        header[name] = {
            "dtype": CODES[array.dtype.name],
            "shape": array.shape,
            "data_offsets": (start, len(data)),
        }
    write_header(path, header, data)


def read_safetensors(data):
    """Reads the format as specified, without the library."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            array = data[8 + length + start : 8 + length + end]
            dtype = {code: dtype for dtype, code in CODES.items()}[
                entry["dtype"]
            ]
            arrays[name] = np.frombuffer(array, dtype).reshape(entry["shape"])
    return arrays


def write_header(path, header, data=b"", length=None):
    """Writes a `.safetensors` file with any header, true or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if length is None else length
    path.write_bytes(struct.pack("<Q", length) + text + data)


def write_zip(path, entries, method=zipfile.ZIP_STORED):
    """Writes entries, given as pairs of a name and bytes."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)


def entries_of(path):
    """Returns the entries of an archive, as `write_zip` takes them."""
    with zipfile.ZipFile(path) as archive:
        return [(e.filename, archive.read(e)) for e in archive.infolist()]


def write_overlapping(path, name, data):
    """Writes one entry, and a table of contents that lists it twice."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, data)
        twin = zipfile.ZipInfo(f"{name}2")
        first = archive.filelist[0]
        for field in ("file_size", "compress_size", "CRC", "header_offset"):
            setattr(twin, field, getattr(first, field))
        archive.filelist.append(twin)


def declare_size(path, size):
    """Writes a size into all entries of a zip file's table of contents."""
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        struct.pack_into("<I", data, place + 24, size)
        place = data.find(b"PK\x01\x02", place + 4)
    path.write_bytes(data)


def npy(shape, data=b"", descr="<f4", version=(1, 0)):
    """Returns an entry of an `.npz` file, true or not."""
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    text = repr(header).encode() + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + data


def npy_of(array):
    """Returns the entry of an `.npz` file that NumPy writes."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write_pickled(path, arrays, old, new):
    """Writes a `.pt` file, with bytes of its pickle replaced."""
    import_torch().save(arrays, path)
    entries = []
    for name, data in entries_of(path):
        if name.endswith("data.pkl"):
            assert data.count(old) == 1
            data = data.replace(old, new)
        entries.append((name, data))
    write_zip(path, entries)


def write_pickle(path, pickled):
    """Writes a `.pt` file with a pickle but no tensor."""
    import_torch().save({}, path)
    write_zip(
        path,
        [
            (name, pickled if name.endswith("data.pkl") else data)
            for name, data in entries_of(path)
        ],
    )


def write_tar(path, pickled):
    """Writes a `.pt` file as PyTorch did before 2018."""
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            data = pickle.dumps({}) if name == "sys_info" else pickled
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def nested_lists(depth):
    """Returns a list that holds the same list ten times, and so on."""
    found = [0.0]
    for _ in range(depth):
        found = [found] * 10
    return found
