import keras
import numpy as np
import pytest

from applications.common import fashion as module
from tests.applications.common.tiny_fashion import write_fashion


def test_reads_both_published_parts(fashion):
    data = module.read_fashion(fashion, (12, 12, 1))
    assert len(data.train) == 48 and len(data.test) == 20
    assert data.validation is None
    assert data.train.labels.tolist() == [i % 10 for i in range(48)]
    assert data.class_names[9] == "ankle boot" and len(data.class_names) == 10
    # The row that encodes the class.
    rows = data.test.images[..., 0].mean(axis=2).argmax(axis=1)
    np.testing.assert_array_equal(rows, data.test.labels)


def test_other_sizes_and_colours_are_made(fashion):
    native = module.read_fashion(fashion, (12, 12, 1)).test.images
    images = module.read_fashion(fashion, (24, 24, 3)).test.images
    assert images.shape == (20, 24, 24, 3) and images.dtype == "uint8"
    np.testing.assert_array_equal(images[..., 0], images[..., 2])
    means = native.mean(axis=(1, 2, 3)), images.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(*means, rtol=0.05)


def test_a_missing_file_is_named(tmp_path):
    write_fashion(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match="t10k-labels.*no such file"):
        module.read_fashion(tmp_path, (12, 12, 1))


def test_the_installed_files_are_read_first(fashion, monkeypatch):
    def load_data():
        raise AssertionError("downloads, though the files are there")

    monkeypatch.setattr(module, "FOLDER", fashion)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", load_data)
    assert len(module.read_fashion(None, (12, 12, 1)).train) == 48


def test_without_them_keras_is_asked(tmp_path, monkeypatch):
    images = np.arange(3 * 144, dtype="uint8").reshape(3, 12, 12)
    labels = np.array([7, 8, 9], "uint8")
    parts = (images, labels), (images[:1], labels[:1])
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(
        keras.datasets.fashion_mnist, "load_data", lambda: parts
    )
    data = module.read_fashion(None, (12, 12, 1))
    np.testing.assert_array_equal(data.train.images[..., 0], images)
    assert data.train.labels.tolist() == [7, 8, 9] and len(data.test) == 1


def test_a_failed_download_says_what_to_install(tmp_path, monkeypatch):
    def load_data():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", load_data)
    with pytest.raises(ValueError, match="URL fetch.*dataset-fashion-mnist"):
        module.read_fashion(None, (12, 12, 1))


@pytest.mark.skipif(
    not module.has_files(module.FOLDER), reason="needs Debian's package"
)
def test_the_published_files_are_as_published():
    data = module.read_fashion(None, (28, 28, 1))
    assert data.train.images.shape == (60000, 28, 28, 1)
    assert np.bincount(data.train.labels).tolist() == [6000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    # The commonly used mean, 0.2860.
    assert abs(data.train.images.mean() / 255 - 0.2860) < 1e-4
