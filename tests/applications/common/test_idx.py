import gzip
import re

import numpy as np
import pytest

from applications.common import idx
from tests.applications.common.tiny_fashion import (
    idx_bytes,
    write_idx,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some-idx3-ubyte.gz"


def refused(path, content, message):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        idx.read_idx(path, 3)
    assert str(path) in str(caught.value)


def test_reads_what_was_written(path):
    array = np.random.default_rng(0).integers(0, 256, (5, 3, 4))
    write_idx(path, array)
    found = idx.read_idx(path, 3)
    assert found.dtype == "uint8"
    np.testing.assert_array_equal(found, array)


def test_sizes_are_read_with_the_highest_byte_first(path):
    write_idx(path, np.zeros((300, 1, 2)))
    assert idx.read_idx(path, 3).shape == (300, 1, 2)


def test_a_missing_file_is_refused(path):
    with pytest.raises(ValueError, match=f"{path.name}: there is no such file"):
        idx.read_idx(path, 3)


def test_a_file_that_is_not_zipped_is_refused(path):
    refused(path, idx_bytes(np.zeros((1, 2, 2))), "not a complete gzip file")


def test_a_zipped_file_that_is_cut_off_is_refused(path):
    content = gzip.compress(idx_bytes(np.zeros((9, 2, 2))))
    refused(path, content[:-9], "not a complete gzip file")


def test_a_broken_zipped_file_is_refused(path):
    content = bytearray(gzip.compress(idx_bytes(np.arange(64.0)[None, None])))
    content[20:24] = b"\xff" * 4
    refused(path, bytes(content), "not a complete gzip file")


@pytest.mark.parametrize(
    "start, found",
    [
        (b"", "an empty file"),
        (b"\x00\x00", "0000"),
        # Labels, floats, and another format.
        (b"\x00\x00\x08\x01", "00000801"),
        (b"\x00\x00\x0d\x03", "00000d03"),
        (b"GIF8", "47494638"),
    ],
)
def test_another_start_is_refused(path, start, found):
    content = gzip.compress(start)
    refused(path, content, f"the bytes 00000803, .* Received: {found}$")


def test_an_end_within_the_sizes_is_refused(path):
    content = idx_bytes(np.zeros((1, 2, 2)))[:11]
    refused(path, gzip.compress(content), "ends within its 3 sizes")


def test_missing_images_are_refused(path):
    content = gzip.compress(idx_bytes(np.zeros((2, 2, 2)))[:-1])
    message = re.escape("have 8 bytes after its sizes (2, 2, 2). Received: 7")
    refused(path, content, message)


def test_bytes_after_the_images_are_refused(path):
    content = gzip.compress(idx_bytes(np.zeros((2, 2, 2))) + b"\x00")
    refused(path, content, "have 8 bytes .* Received: 9")


def test_a_file_without_end_is_not_read_to_its_end(path, monkeypatch):
    monkeypatch.setattr(idx, "_MOST", 100)
    content = gzip.compress(idx_bytes(np.zeros((5, 5, 5))))
    refused(path, content, "contains more than 100 bytes")


class TestReadPart:
    def write(self, folder, images, labels):
        paths = folder / "images.gz", folder / "labels.gz"
        for path, array in zip(paths, (images, labels), strict=True):
            write_idx(path, np.asarray(array))
        return paths

    def test_images_are_grey_and_labels_integers(self, tmp_path):
        images = np.arange(12).reshape(3, 2, 2)
        part = idx.read_part(*self.write(tmp_path, images, [4, 0, 9]))
        np.testing.assert_array_equal(part.images[..., 0], images)
        assert part.images.shape == (3, 2, 2, 1)
        assert part.labels.tolist() == [4, 0, 9]
        assert part.labels.dtype == "int64"
        assert part.sources[1] == "images.gz, 1"

    def test_other_counts_are_refused(self, tmp_path):
        paths = self.write(tmp_path, np.zeros((3, 2, 2)), [1, 2])
        with pytest.raises(ValueError, match="3 images.*gz has 2 labels"):
            idx.read_part(*paths)

    def test_a_label_above_9_is_refused(self, tmp_path):
        paths = self.write(tmp_path, np.zeros((3, 2, 2)), [1, 10, 2])
        message = "labels.gz: labels must be 0 to 9. Received: 10 as label 1"
        with pytest.raises(ValueError, match=message):
            idx.read_part(*paths)

    @pytest.mark.parametrize("shape", [(0, 2, 2), (2, 0, 2)])
    def test_no_images_are_refused(self, tmp_path, shape):
        paths = self.write(tmp_path, np.zeros(shape), np.zeros(shape[:1]))
        with pytest.raises(ValueError, match="images.gz: has no images"):
            idx.read_part(*paths)
