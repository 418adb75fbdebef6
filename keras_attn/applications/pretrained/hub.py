"""Downloads files from the Hugging Face Hub, through its own client."""

import os
import pathlib
from typing import Any, NoReturn

from keras_attn.applications.pretrained import hashes
from keras_attn.extras import how_to_install
from keras_attn.weights.shown import reason

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def check_installed(name: str) -> None:
    """Raises an error if the client is not installed."""
    _client(name)


def fetch(
    repository: str, revision: str | None, file: str, name: str
) -> pathlib.Path:
    """Returns the path of a file, which is downloaded if it is not cached.

    The cache, the token, the progress bar, time limits and the offline mode
    are those of `huggingface_hub` and its environment variables.

    Args:
        repository: Repository, such as `"timm/resnet50.a1_in1k"`.
        revision: Branch, tag or commit, or `None` for the main branch.
        file: Name of the file.
        name: Name of the weights, for error messages.

    Raises:
        ValueError: If the client is not installed, or the Hub denies access or
            has no such file.
        ConnectionError: If the Hub does not answer, or a download is not
            complete.
    """
    client = _client(name)
    try:
        path = client.hf_hub_download(
            repository, file, revision=revision, endpoint=_endpoint()
        )
    except Exception as error:
        # The client looks there too, but not if a server breaks off its answer.
        path = client.try_to_load_from_cache(
            repository, file, revision=revision
        )
        if not isinstance(path, str):
            _explain(error, name, repository, revision, file)
    return pathlib.Path(path)


def verify(
    path: pathlib.Path,
    repository: str,
    revision: str | None,
    expected: str | None,
    name: str,
) -> None:
    """Raises an error if a file does not have its published hash.

    Args:
        path: The file, as returned by `fetch`.
        repository: As for `fetch`.
        revision: As for `fetch`.
        expected: SHA-256 from the tables, or `None` for that of the Hub.
        name: Name of the weights.

    Raises:
        ValueError: If the hash differs.
    """
    if expected is None:
        # The cache names a file by the hash that the Hub stated.
        if os.path.islink(path):
            expected = os.path.basename(os.readlink(path))
        else:
            expected = _stated(path, repository, revision, name)
    hashes.check(path, expected, name)


def _stated(
    path: pathlib.Path, repository: str, revision: str | None, name: str
) -> str:
    """Returns the hash that the Hub states, or `""` if it is not reachable.

    This is needed only where a file system has no symbolic links, since the
    cache does not contain the hash there.
    """
    client = _client(name)
    # Files of a cached snapshot are in a folder named after the commit.
    commit = path.parent.name
    revision = commit if len(commit) == 40 else revision
    try:
        url = client.hf_hub_url(
            repository, path.name, revision=revision, endpoint=_endpoint()
        )
        return client.get_hf_file_metadata(url, endpoint=_endpoint()).etag or ""
    except Exception:
        return ""


def _client(name: str) -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ValueError(
            "Weights from the Hugging Face Hub require huggingface_hub. "
            f"Received: {name!r}, but huggingface_hub is not installed. "
            f"Run {how_to_install('hub')}"
        ) from error
    return huggingface_hub


def _endpoint() -> str | None:
    # The client reads this variable only when it is imported.
    return os.environ.get("HF_ENDPOINT") or None


def _explain(
    error: Exception,
    name: str,
    repository: str,
    revision: str | None,
    file: str,
) -> NoReturn:
    """Raises an error that says what to do."""
    from huggingface_hub import constants, errors

    where = f"{repository!r} on the Hugging Face Hub"
    received = f"Received: {name!r}"
    if isinstance(error, errors.LocalEntryNotFoundError):
        if constants.HF_HUB_OFFLINE:
            raise ConnectionError(
                f"{file!r} of {where} must be in the cache if HF_HUB_OFFLINE "
                f"is set. {received}, whose file is not there. Unset the "
                "variable to download it"
            ) from error
        cause = error.__cause__ or error
        raise ConnectionError(
            f"{where} must be reachable, since {file!r} is not in the cache. "
            f"{received}, which failed with {reason(cause)}. Check the network "
            "and the proxy, or download the file elsewhere and pass its path: "
            "`from_pretrained(name, weights=path)`"
        ) from error
    if isinstance(error, errors.GatedRepoError):
        raise ValueError(
            f"Access to {where} must be granted by its owner. {received}. "
            "Accept the conditions on its page, then log in with `hf auth "
            "login` or set HF_TOKEN"
        ) from error
    if isinstance(error, errors.RepositoryNotFoundError):
        raise ValueError(
            f"There must be a public repository {where}, or a token with "
            f"access to it. {received}, which the Hub does not find. Check the "
            "spelling; for a private repository, log in with `hf auth login` "
            "or set HF_TOKEN"
        ) from error
    if isinstance(error, errors.RevisionNotFoundError):
        raise ValueError(
            f"The revision must be a branch, tag or commit of {where}. "
            f"{received}, and there is no revision {revision!r}"
        ) from error
    if isinstance(error, errors.EntryNotFoundError):
        raise ValueError(
            f"{where} must contain the file {file!r}. {received}, and there "
            "is no such file. Other formats are not downloaded"
        ) from error
    if isinstance(error, errors.HFValidationError):
        raise ValueError(
            f"The repository must have a valid name. {received}, which "
            f"failed with {reason(error)}"
        ) from error
    raise ConnectionError(
        f"The download of {file!r} from {where} must be complete. {received}, "
        f"which failed with {reason(error)}. Try again"
    ) from error
