"""Pictures with a class for each pixel, read when they are needed."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from applications.common.parts import Divided

# In a mask: this pixel neither trains nor counts.
IGNORE = 255


@dataclasses.dataclass(frozen=True)
class Scene:
    """A picture and its mask, of which nothing is kept in memory.

    Args:
        source: Name for messages.
        image: Reads the picture, uint8 `(height, width, 3)` in [0, 255].
        mask: Reads the classes, uint8 `(height, width)`, or `IGNORE`.
        size: Height and width of both.
        files: What the two are read from, if it is nothing else: the digest
            takes their bytes, which is quicker than to decode them.
    """

    source: str
    image: Callable[[], np.ndarray]
    mask: Callable[[], np.ndarray]
    size: tuple[int, int]
    files: tuple[Path, ...] = ()

    def content(self) -> Iterator[bytes]:
        """Yields what a digest has to see of it; not its name."""
        yield f"{self.size}".encode()
        for path in self.files:
            # With its length, or bytes could move to the next file unseen.
            yield f"{path.stat().st_size} ".encode()
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    yield chunk
        if not self.files:
            yield self.image().tobytes()
            yield self.mask().tobytes()


@dataclasses.dataclass(frozen=True)
class Scenes(Divided):
    """Classes with their colours, and the parts that a source has.

    Args:
        class_names: In the order of the values in the masks.
        palette: Their colours, uint8 `(classes, 3)`.
        train: Scenes to train with, or `None`; the other parts likewise.
        validation: Scenes to choose the best epoch by.
        test: Scenes to measure on.
    """

    kind = "scenes"
    class_names: list[str]
    palette: np.ndarray
    train: list[Scene] | None = None
    validation: list[Scene] | None = None
    test: list[Scene] | None = None

    def digest(self) -> str:
        """Returns a short text that changes with any picture or mask.

        It changes with the names of the classes and with the order too, and
        not with the place of the files.
        """
        digest = hashlib.sha256(f"{self.class_names}".encode())
        for name, part in self.parts().items():
            digest.update(f"{name} {len(part or ())}".encode())
            for scene in part or ():
                for each in scene.content():
                    digest.update(each)
        return digest.hexdigest()[:16]


def check_sizes(image: np.ndarray, mask: np.ndarray) -> None:
    """Checks that a picture and a mask have one size."""
    if image.shape[:2] != mask.shape:
        raise ValueError(
            "picture and mask must have one size. Received: "
            f"image.shape={image.shape}, mask.shape={mask.shape}"
        )
