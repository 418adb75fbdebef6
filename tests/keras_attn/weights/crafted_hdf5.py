"""Malicious contents for Keras files instead of arrays."""

import os

import h5py
import numpy as np


def replaced(make):
    """Returns a change that replaces the kernel."""

    def change(file, key, folder):
        parent, _, name = key.rpartition("/")
        del file[key]
        make(file[parent], name, folder)

    return change


def secret(folder):
    """Returns a file that the process may read but a model must not."""
    path = folder / "secret.weights.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.ones((3, 4), "float32")
    return path


def external_link(group, name, folder):
    group[name] = h5py.ExternalLink(str(secret(folder)), "a")


def link_to_a_pipe(group, name, folder):
    os.mkfifo(folder / "pipe")
    group[name] = h5py.ExternalLink(str(folder / "pipe"), "a")


def soft_link(group, name, folder):
    group[name] = h5py.SoftLink("/a")


def stored_elsewhere(group, name, folder):
    (folder / "secret").write_bytes(bytes(48))
    group.create_dataset(
        name, (3, 4), "f4", external=[(str(folder / "secret"), 0, 48)]
    )


def virtual(group, name, folder):
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource(str(secret(folder)), "a", (3, 4))
    group.create_virtual_dataset(name, layout)


def shape_bomb(group, name, folder):
    group.create_dataset(name, (2**16, 2**11), "f4", chunks=(1, 2**11))


def type_bomb(group, name, folder):
    group.create_dataset(name, (3, 4), np.dtype(("f4", (2**24,))))


def packed_bomb(group, name, folder):
    bomb = group.create_dataset(
        name, (2**13, 2**13), "f4", chunks=(2**9, 2**13), compression="gzip"
    )
    bomb[:512] = 0


def texts(group, name, folder):
    group.create_dataset(name, data=["a" * 100] * 12, dtype=h5py.string_dtype())


def references(group, name, folder):
    group.create_dataset(name, (3, 4), h5py.ref_dtype)


def empty(group, name, folder):
    group[name] = h5py.Empty("f4")


def type_only(group, name, folder):
    group[name] = np.dtype("f4")


def hangs_twice(group, name, folder):
    group["other"] = np.ones((3, 4), "f4")
    group[name] = group["other"]


def circle(group, name, folder):
    group[name] = group.file["/"]


def a_group(group, name, folder):
    group.create_group(name)


HDF5 = {
    "a_link_to_another_file": (external_link, "of type ExternalLink"),
    "a_link_to_a_pipe": (link_to_a_pipe, "of type ExternalLink"),
    "a_link_to_a_name": (soft_link, "of type SoftLink"),
    "stored_in_another_file": (stored_elsewhere, "outside the file"),
    "a_view_of_another_file": (virtual, "outside the file"),
    "shape_bomb": (shape_bomb, "100 times its size"),
    "type_bomb": (type_bomb, "100 times its size"),
    "packed_bomb": (packed_bomb, "100 times its size"),
    "texts": (texts, "holds object, not numbers"),
    "references": (references, "holds object, not numbers"),
    "no_shape": (empty, "is not an array"),
    "a_type": (type_only, "is not an array"),
    "hangs_twice": (hangs_twice, "is in two places"),
    "a_circle": (circle, "is in two places"),
    "a_group": (a_group, "Error"),
}
