"""Pictures with a class for each pixel, read on demand."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from applications.common.parts import Divided

# Value in a mask for pixels without a class.
IGNORE = 255


@dataclasses.dataclass(frozen=True)
class Scene:
    """A picture and its mask, which are not kept in memory.

    Args:
        source: Name for messages.
        image: Function that reads the picture, uint8 `(height, width, 3)` in
            [0, 255].
        mask: Function that reads the classes, uint8 `(height, width)`, with
            `IGNORE` for pixels without a class.
        size: Height and width of both.
        files: Files of the two, if both come from files. The digest then
            reads bytes, which is faster than decoding images.
    """

    source: str
    image: Callable[[], np.ndarray]
    mask: Callable[[], np.ndarray]
    size: tuple[int, int]
    files: tuple[Path, ...] = ()

    def content(self) -> Iterator[bytes]:
        """Yields the content for a digest, without the name."""
        yield f"{self.size}".encode()
        for path in self.files:
            # With the length, since otherwise bytes could move between files.
            yield f"{path.stat().st_size} ".encode()
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    yield chunk
        if not self.files:
            yield self.image().tobytes()
            yield self.mask().tobytes()


@dataclasses.dataclass(frozen=True)
class Scenes(Divided):
    """Classes with their colours, and the parts that the source has.

    Args:
        class_names: Names in the order of the values in the masks.
        palette: Colours of the classes, uint8 `(classes, 3)`.
        train: Training scenes, or `None`, as for the other parts.
        validation: Scenes to choose the best epoch with.
        test: Scenes to measure on.
    """

    kind = "scenes"
    class_names: list[str]
    palette: np.ndarray
    train: list[Scene] | None = None
    validation: list[Scene] | None = None
    test: list[Scene] | None = None

    def digest(self) -> str:
        """Returns a short digest of all pictures and masks.

        It also depends on the names of the classes and on the order, but not
        on the location of the files.
        """
        digest = hashlib.sha256(f"{self.class_names}".encode())
        for name, part in self.parts().items():
            digest.update(f"{name} {len(part or ())}".encode())
            for scene in part or ():
                for each in scene.content():
                    digest.update(each)
        return digest.hexdigest()[:16]


def check_sizes(image: np.ndarray, mask: np.ndarray) -> None:
    """Checks that a picture and a mask have the same size."""
    if image.shape[:2] != mask.shape:
        raise ValueError(
            "picture and mask must have the same size. Received: "
            f"image.shape={image.shape}, mask.shape={mask.shape}"
        )
