"""Tests what is installed, what is shipped and what an import loads."""

import email.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

import keras_attn
from tests.contracts.saving import run_python

ROOT = pathlib.Path(__file__).parents[1]
VERSION = keras_attn.__version__
NAME = f"keras_attn-{VERSION}"
BACKENDS = {"tensorflow", "torch", "jax"}
# The tracked settings of services and tools are not shipped; the files that
# hatchling adds are.
LEFT_OUT = (".ci/", ".github/", ".pre-commit-config.yaml")
ADDED = {"PKG-INFO"}
# In bytes. Apart from images of the docs, goldens are the largest files.
LARGEST = {"wheel": 100_000, "sdist": 1_000_000}
# The table of 602 published weights, with their hashes. It is compressed to a
# fifth in a wheel.
TABLE, LARGEST_TABLE = "keras_attn/applications/pretrained/timm.json", 300_000


def tracked():
    """Returns the files that Git tracks, as paths from the root."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a Git checkout, so the tracked files are unknown")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    names = listed.stdout.decode().split("\0")
    return sorted(name for name in names if (ROOT / name).is_file())


def build(source, target, kind):
    """Builds a wheel or an sdist in this environment, and returns its path."""
    process = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    (found,) = pathlib.Path(target).iterdir()
    return found


def content(archive):
    """Returns a dict from file name to bytes of a wheel or an sdist."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as file:
            return {name: file.read(name) for name in file.namelist()}
    with tarfile.open(archive) as file:
        members = [member for member in file if member.isfile()]
        return {
            member.name.removeprefix(f"{NAME}/"): file.extractfile(
                member
            ).read()
            for member in members
        }


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Builds both from a copy of the tracked files only."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    # Not tracked, so in neither archive.
    (source / "keras_attn" / "__pycache__").mkdir()
    (source / "keras_attn" / "__pycache__" / "se.pyc").write_text("")
    (source / "notes.txt").write_text("mine")
    return {
        kind: build(source, folder / kind, kind) for kind in ("wheel", "sdist")
    }


@pytest.fixture(scope="module")
def files(built):
    return {kind: content(archive) for kind, archive in built.items()}


@pytest.fixture(scope="module")
def metadata(files):
    text = files["wheel"][f"{NAME}.dist-info/METADATA"].decode()
    return email.parser.Parser().parsestr(text)


def test_the_wheel_contains_only_the_package(built, files):
    expected = {name for name in tracked() if name.startswith("keras_attn/")}
    assert "keras_attn/applications/common/imagenet_classes.txt" in expected
    about = {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE"}
    expected |= {f"{NAME}.dist-info/{name}" for name in about}
    assert set(files["wheel"]) == expected
    assert built["wheel"].name == f"{NAME}-py3-none-any.whl"


def test_the_sdist_contains_all_tracked_files(built, files):
    expected = {name for name in tracked() if not name.startswith(LEFT_OUT)}
    assert set(files["sdist"]) == expected | ADDED
    assert built["sdist"].name == f"{NAME}.tar.gz"


@pytest.mark.parametrize(
    "name",
    [
        *("LICENSE", "README.md", "SECURITY.md", "CITATION.cff"),
        *("Makefile", "pyproject.toml", "tests/goldens/se_nobias.npz"),
        *("applications/", "benchmarks/", "docs/", "tests/run.sh"),
    ],
)
def test_the_sdist_contains(files, name):
    assert any(each.startswith(name) for each in files["sdist"])


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_files_match_the_repository(files, kind):
    for name in set(files[kind]) & set(tracked()):
        assert files[kind][name] == (ROOT / name).read_bytes(), name


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_no_file_is_large(files, kind):
    large = {name: len(data) for name, data in files[kind].items()}
    assert large.pop(TABLE) <= LARGEST_TABLE
    large = {name: n for name, n in large.items() if n > LARGEST[kind]}
    assert large == {}


def test_the_sdist_builds_the_same_wheel(built, files, tmp_path):
    with tarfile.open(built["sdist"]) as file:
        file.extractall(tmp_path, filter="data")
    again = build(tmp_path / NAME, tmp_path / "dist", "wheel")
    assert content(again) == files["wheel"]


def test_the_wheel_is_marked_as_typed(files, metadata):
    assert "keras_attn/py.typed" in files["wheel"]
    assert "Typing :: Typed" in metadata.get_all("Classifier")


def test_the_version_matches_the_package(metadata):
    assert metadata["Name"] == "keras_attn"
    assert metadata["Version"] == VERSION


def test_the_urls_belong_to_one_repository(metadata):
    urls = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL"))
    names = {"Repository", "Documentation", "Changelog", "Issues"}
    assert set(urls) == names
    for url in urls.values():
        assert url.startswith(urls["Repository"])
    # Paths in the repository.
    for name in ("Documentation", "Changelog"):
        path = urls[name].partition("/main/")[2]
        assert (ROOT / path).exists()


def requirements(metadata, extra=None):
    """Returns the names of the requirements, by default or of an extra."""
    found = set()
    for line in metadata.get_all("Requires-Dist"):
        marker = re.search(r"extra == ['\"]([^'\"]+)", line)
        if (marker.group(1) if marker else None) == extra:
            found.add(re.match(r"[\w.-]+", line).group())
    return found


def test_only_keras_and_numpy_are_required(metadata):
    assert requirements(metadata) == {"keras", "numpy"}


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_an_extra_installs_only_its_backend(metadata, backend):
    names = requirements(metadata, backend)
    assert {name.removesuffix("-cpu") for name in names} == {backend}


def test_documented_extras_exist(metadata):
    pages = [ROOT / "README.md", ROOT / "Makefile"]
    pages += [*(ROOT / "docs").rglob("*.md"), *ROOT.glob(".github/*/*.yml")]
    named = set()
    for page in pages:
        for names in re.findall(
            r"(?:keras_attn|\"\.)\[([a-z0-9, -]+)\]", page.read_text()
        ):
            named |= {name.strip() for name in names.split(",")}
    assert named >= {"jax", "test"}
    provided = {
        name.replace("_", "-") for name in metadata.get_all("Provides-Extra")
    }
    assert named <= provided


def test_the_citation_has_this_version():
    text = (ROOT / "CITATION.cff").read_text()
    fields = dict(re.findall(r"^([\w-]+): *(.+)$", text, re.MULTILINE))
    fields = {name: value.strip("'\"") for name, value in fields.items()}
    assert fields["version"] == VERSION
    assert fields["title"].startswith("keras_attn")
    license_of_package = re.search(
        r'^license = "(.+)"$',
        (ROOT / "pyproject.toml").read_text(),
        re.MULTILINE,
    )
    assert fields["license"] == license_of_package.group(1)


def repository():
    """Returns the address of the repository, from `pyproject.toml`."""
    text = (ROOT / "pyproject.toml").read_text()
    return re.search(r'^Repository = "(.+)"$', text, re.MULTILINE).group(1)


def links(text):
    """Returns the targets of the links and images of Markdown."""
    return re.findall(r"\]\(([^)\s]+)\)", text)


def test_the_readme_names_the_repository():
    assert f"git clone {repository()}\n" in (ROOT / "README.md").read_text()


def test_links_of_the_readme_exist_in_a_clone():
    targets = links((ROOT / "README.md").read_text())
    assert len(targets) > 20
    for target in targets:
        assert (ROOT / target).is_file(), target


def test_links_of_the_long_description_work_on_the_index(metadata):
    text = metadata.get_payload()
    readme = (ROOT / "README.md").read_text()
    # Only links differ, and each leads to the same file.
    for path, link in zip(links(readme), links(text), strict=True):
        kind = "raw" if path.endswith(".png") else "blob"
        assert link == f"{repository()}/{kind}/main/{path}"
    target = re.compile(r"\]\([^)\s]+\)")
    assert target.sub("", text).strip() == target.sub("", readme).strip()
    assert metadata["Description-Content-Type"] == "text/markdown"


_IMPORT = """
import json, sys
import keras
before = set(sys.modules)
import keras_attn
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.fixture(scope="module")
def imported():
    """Imports the package with warnings as errors; returns the process."""
    process = run_python("-W", "error", "-c", _IMPORT)
    if process.returncode:
        alone = run_python("-W", "error", "-c", "import keras")
        if alone.returncode:
            pytest.skip(f"Keras itself warns: {alone.stderr[-300:]}")
    return process


@pytest.mark.each_backend
def test_the_import_emits_no_warning_and_needs_no_other_backend(imported):
    assert imported.returncode == 0, imported.stderr[-2000:]
    # The only line is the one that this test prints.
    assert len(imported.stdout.splitlines()) == 1, imported.stdout


@pytest.mark.each_backend
def test_the_import_adds_no_third_party_module(imported):
    """No other backend, no plotting and no image library, which take time."""
    added = json.loads(imported.stdout.splitlines()[-1])
    assert "keras_attn.layers" in added
    others = [name for name in added if name.split(".")[0] != "keras_attn"]
    foreign = {name.split(".")[0] for name in others} - sys.stdlib_module_names
    assert foreign == set()
    # Keras and NumPy have already imported the parts that are needed.
    assert len(others) <= 5, others
