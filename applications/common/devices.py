"""Training on several devices, as each backend has it."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import keras

from applications.common.batches import OrderedBatches

DISTRIBUTIONS = ("none", "data")


@dataclasses.dataclass(frozen=True)
class Devices:
    """What a training uses.

    Attributes:
        count: How many devices share each batch.
        feed: Makes what `fit` takes of batches and the first epoch, which is
            `None` to validate; or `None` if `fit` takes the batches.
    """

    count: int = 1
    feed: Callable[[OrderedBatches, int | None], Any] | None = None

    def check(self, batch_size: int) -> None:
        """Checks that a batch can be shared evenly."""
        if batch_size % self.count:
            raise ValueError(
                f"--batch-size must be a multiple of the {self.count} devices; "
                f"it is {batch_size}"
            )


@contextlib.contextmanager
def distributed(how: str) -> Iterator[Devices]:
    """Lets what is built and trained inside use all devices.

    With `"data"` each device has all weights and its share of each batch:
    `keras.distribution.DataParallel` on JAX, `tf.distribute.MirroredStrategy`
    on TensorFlow, where batch normalisation is of the share. On PyTorch it is
    Keras' class too, of which 3.15 has none yet there.

    Args:
        how: One of `DISTRIBUTIONS`.

    Yields:
        The devices.
    """
    if how == "none":
        yield Devices()
        return
    on_tensorflow = keras.backend.backend() == "tensorflow"
    with _mirrored() if on_tensorflow else _data_parallel() as devices:
        yield devices


@contextlib.contextmanager
def _data_parallel() -> Iterator[Devices]:
    before = keras.distribution.distribution()
    try:
        # Each process has all of the images.
        parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
    except AttributeError as problem:
        raise ValueError(
            "--distribute data needs --backend jax or tensorflow: Keras "
            f"{keras.__version__} does not distribute on "
            f"{keras.backend.backend()}"
        ) from problem
    keras.distribution.set_distribution(parallel)
    try:
        yield Devices(parallel.device_mesh.devices.size)
    finally:
        keras.distribution.set_distribution(before)


@contextlib.contextmanager
def _mirrored() -> Iterator[Devices]:
    import tensorflow

    # By itself the strategy would take the first CPU only.
    known = tensorflow.config.list_logical_devices
    strategy = tensorflow.distribute.MirroredStrategy(
        [each.name for each in known("GPU") or known("CPU")]
    )
    with strategy.scope():
        yield Devices(strategy.num_replicas_in_sync, _as_dataset)


def _as_dataset(batches: OrderedBatches, epoch: int | None) -> Any:
    """Returns a `tf.data.Dataset`, of one epoch or of all from one on.

    Of what Keras makes itself, a strategy fetches batches ahead beyond the
    end of the epoch, and the next one begins with those by chance.
    """
    import tensorflow

    def generate() -> Iterator[Any]:
        now = epoch
        while True:
            if now is not None:
                batches.start_epoch(now)
                now += 1
            yield from (batches[index] for index in range(len(batches)))
            if now is None:
                return

    signature = tensorflow.nest.map_structure(
        lambda x: tensorflow.TensorSpec((None, *x.shape[1:]), x.dtype),
        batches[0],
    )
    return tensorflow.data.Dataset.from_generator(
        generate, output_signature=signature
    )
