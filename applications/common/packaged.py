"""Files that packages on PyPI bring along, found where they are installed.

Nothing of these packages is imported.
"""

import hashlib
from importlib import metadata
from pathlib import Path

# Name and version, as PyPI has them.
Package = tuple[str, str]


def find(package: Package, file: str, sha256: str | None = None) -> Path:
    """Finds a file of an installed package.

    Args:
        package: Name and version of the package.
        file: Path of the file as the package lists it, with `/`.
        sha256: What the file's digest must be, or `None` not to compute it.

    Raises:
        ValueError: If the package is missing or of another version, or if
            the file is missing or another; the message says what to install.
    """
    files = listed(package)
    # Not one of the folder that one happens to be in.
    path = Path(files[file].locate()) if file in files else None
    if path is None or not path.is_file():
        raise ValueError(
            f"{path or file}: the package {package[0]} is installed without "
            f"this file: {_command(package, '--force-reinstall ')}"
        )
    if sha256 is not None:
        _check(package, path, sha256)
    return path


def listed(package: Package) -> dict[str, metadata.PackagePath]:
    """Returns the files of an installed package by their paths, with `/`."""
    name, version = package
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError as problem:
        raise ValueError(
            f"{name} is needed here and not installed: {_command(package)}"
        ) from problem
    if found.version != version:
        raise ValueError(
            f"{name} {version} is needed here, and {found.version} is "
            f"installed: {_command(package)}"
        )
    return {path.as_posix(): path for path in found.files or ()}


def _check(package: Package, path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path}: not the file that was published: its sha256 is {found}, "
            f"and should be {sha256}: {_command(package, '--force-reinstall ')}"
        )


def _command(package: Package, options: str = "") -> str:
    return f"pip install --no-deps {options}{package[0]}=={package[1]}"
