"""Training on several devices, with the API of each backend."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import keras

from applications.common.batches import OrderedBatches

DISTRIBUTIONS = ("none", "data")


@dataclasses.dataclass(frozen=True)
class Devices:
    """Devices of a training.

    Attributes:
        count: Number of devices that share each batch.
        feed: Function from batches and the first epoch, `None` for validation,
            to the input of `fit`. `None` if `fit` takes the batches.
    """

    count: int = 1
    feed: Callable[[OrderedBatches, int | None], Any] | None = None

    def check(self, batch_size: int) -> None:
        """Checks that a batch can be split evenly."""
        if batch_size % self.count:
            raise ValueError(
                f"--batch-size must be a multiple of the {self.count} devices. "
                f"Received: {batch_size}"
            )


@contextlib.contextmanager
def distributed(how: str) -> Iterator[Devices]:
    """Context in which a model is built and trained on all devices.

    With `"data"`, each device has all weights and its part of each batch. JAX
    uses `keras.distribution.DataParallel`. TensorFlow uses
    `tf.distribute.MirroredStrategy`, where batch normalisation sees one
    part only. PyTorch is not supported, since Keras 3.15 has no class for it.

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
        # Each process has all images.
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

    # By default the strategy would use only the first CPU.
    known = tensorflow.config.list_logical_devices
    strategy = tensorflow.distribute.MirroredStrategy(
        [each.name for each in known("GPU") or known("CPU")]
    )
    with strategy.scope():
        yield Devices(strategy.num_replicas_in_sync, _as_dataset)


def _as_dataset(batches: OrderedBatches, epoch: int | None) -> Any:
    """Returns a `tf.data.Dataset`: one pass, or all epochs from `epoch` on.

    From a data set that Keras makes, a strategy prefetches batches beyond the
    end of an epoch, so that the next epoch begins with a random number of
    them.
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
