"""Crafted PyTorch files do not run code."""

import pickle
import struct

import pytest

from tests.keras_attn.weights.crafted import (
    Trap,
    declare_size,
    import_torch,
    nested_lists,
    write_overlapping,
    write_pickle,
    write_pickled,
    write_tar,
)
from tests.keras_attn.weights.security.small import (
    BROKEN,
    WEIGHT,
    damaged,
    refuse,
    tensors,
)

# Reading uses only NumPy.
pytestmark = pytest.mark.once


class Own:
    """A class that no reader of weights needs."""


def trapped(path, zipped=True):
    import_torch().save(
        {**tensors(), "b": Trap(path.parent / "ran")},
        path,
        _use_new_zipfile_serialization=zipped,
    )


def legacy_storage_bomb(path):
    torch = import_torch()
    torch.save(tensors(), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    # Six elements of the weight become 2**31 - 1.
    assert data.count(b"K\x06N") == 1
    path.write_bytes(data.replace(b"K\x06N", b"J\xff\xff\xff\x7fN"))


COUNT = b"K" + bytes([WEIGHT.size]) + b"t"
SHAPE = b"K\x02K\x03\x86"
MANY = b"J" + struct.pack("<i", 2**28)
UNSAFE = "UnpicklingError: Weights only load failed"
TORCH = {
    "code": (trapped, UNSAFE),
    "code_in_the_older_form": (lambda p: trapped(p, False), UNSAFE),
    "code_in_a_plain_pickle": (
        lambda p: p.write_bytes(pickle.dumps(Trap(p.parent / "ran"), 2)),
        UNSAFE,
    ),
    "code_in_a_tar": (
        lambda p: write_tar(p, pickle.dumps(Trap(p.parent / "ran"), 2)),
        BROKEN,
    ),
    "os_system": (
        lambda p: write_pickle(p, b"\x80\x02cos\nsystem\nX\4\0\0\0true\x85R."),
        UNSAFE,
    ),
    "a_class_of_ones_own": (
        lambda p: import_torch().save({**tensors(), "own": Own()}, p),
        UNSAFE,
    ),
    "a_network": (
        lambda p: import_torch().save(import_torch().nn.Linear(3, 2), p),
        UNSAFE,
    ),
    "an_item_set_in_a_list": (
        lambda p: write_pickle(p, b"\x80\x02]K\x00K\x01s."),
        BROKEN,
    ),
    "storage_beyond_its_record": (
        lambda p: write_pickled(p, tensors(), COUNT, MANY + b"t"),
        BROKEN,
    ),
    "shape_beyond_its_storage": (
        lambda p: write_pickled(p, tensors(), SHAPE, MANY + b"K\x03\x86"),
        BROKEN,
    ),
    "older_storage_beyond_the_file": (legacy_storage_bomb, BROKEN),
    "a_list_of_lists_of_lists": (
        lambda p: import_torch().save(
            {**tensors(), "bias": nested_lists(9)}, p
        ),
        "'bias': holds object",
    ),
    "a_flipped_weight": (damaged, "checksum|CRC"),
    "size_larger_than_it_is": (
        lambda p: (import_torch().save(tensors(), p), declare_size(p, 400)),
        BROKEN,
    ),
    "overlapping": (
        lambda p: write_overlapping(p, "a/data.pkl", bytes(5000)),
        "overlap",
    ),
}


@pytest.mark.parametrize(("write", "words"), TORCH.values(), ids=TORCH)
def test_refuses_a_crafted_torch_file(layer, tmp_path, write, words):
    import_torch()
    path = tmp_path / "crafted.pt"
    write(path)
    refuse(layer, path, words)
    assert not (tmp_path / "ran").exists()


def test_the_trap_works(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()
