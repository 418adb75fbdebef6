"""Trains a classifier: `python -m applications.image_classification.train`."""

import argparse
from pathlib import Path

import keras
import numpy as np

from applications.common import (
    arrays,
    chosen,
    command,
    files,
    results,
    resume,
    runs,
    saved,
)
from applications.common.batches import Batches
from applications.common.crops import readable
from applications.common.parts import Data, Part
from applications.common.schedules import learning_rate
from applications.common.training import (
    Prepared,
    Run,
    facts_of,
    train_classifier,
)
from applications.image_classification import networks, parsers
from applications.image_classification.batches import Images, one_hot
from applications.image_classification.config import (
    LARGEST,
    LARGEST_CIFAR,
    Config,
)

# Images that a frozen network reads at once.
BATCH = 64


@command.parsed_by(parsers.train)
def main(options: argparse.Namespace) -> None:
    """Trains a classifier."""
    chosen.train(Config, options, largest_of(options), train_model)


def largest_of(options: argparse.Namespace) -> int:
    """Returns the largest side in pixels that is derived from the data."""
    return LARGEST_CIFAR if options.network == "ResNetCIFAR" else LARGEST


def train_model(config: Config, data: Data, run: Run) -> results.Result:
    """Trains, and writes the model, the log and the state to the folder."""
    classes = len(data.class_names)
    if run.begins:
        # Raises errors before an older run is deleted.
        networks.build_network(config, classes)
    facts = {"weights_digest": saved.digest(config.weights)}

    # Digest of everything that determines the features of a frozen network, so
    # that features of other data in the folder are never read.
    started = {"settings": config.to_dict(), **facts_of(data), **facts}
    digest = runs.digest({**started, "backend": keras.backend.backend()})

    def prepare(_: resume.ResumableTraining) -> Prepared:
        network = networks.build_network(config, classes)
        if config.frozen:
            trained = networks.head_of(network)
            backbone = networks.backbone_of(network)
        else:
            trained, backbone = network, None

        def batches(name: str) -> Images | Batches:
            part, is_training = getattr(data, name), name == "train"
            file = runs.FEATURES.replace("*", f"{name}-{digest}")
            if backbone is None:
                return Images(part, config, classes, is_training, run.workers)
            seen = Part(
                features_of(backbone, part, run.folder / file),
                one_hot(part.labels, classes),
                part.sources,
            )
            seed = config.seed if is_training else None
            return Batches(seen, config.batch_size, np.asarray, seed)

        shown = batches("train")
        compile_model(trained, config, len(shown))
        return Prepared(
            trained,
            shown,
            batches("validation") if data.validates else None,
            kept=network,
        )

    return train_classifier(config, data, run, prepare, facts)


def compile_model(model: keras.Model, config: Config, steps: int) -> None:
    """Compiles a model, and builds all that a state is loaded into."""
    rate = learning_rate(config, steps)
    if config.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=config.weight_decay or None,
        )
    else:
        optimizer = keras.optimizers.AdamW(
            rate, weight_decay=config.weight_decay
        )
    if config.weight_decay:
        kept = [x for x in model.trainable_variables if len(x.shape) < 2]
        optimizer.exclude_from_weight_decay(var_list=kept)
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(
            label_smoothing=config.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy("accuracy")],
    )
    classes = model.output_shape[-1]
    labels = np.full((2, classes), 1 / classes, "float32")
    resume.build_all(model, labels, keras.ops.convert_to_tensor(labels))


def features_of(backbone: keras.Model, part: Part, path: Path) -> np.ndarray:
    """Returns the features of each image, which are computed once.

    Args:
        backbone: Model from pixels in [0, 255] to vectors.
        part: The images.
        path: File for the features, in the folder of a run. A damaged file is
            reported and written again.

    Raises:
        ValueError: If features are not finite.
    """
    shape = (len(part), *backbone.output_shape[1:])
    known = arrays.read(path, shape, "float32")
    if known is not None:
        return known
    data_format = keras.config.image_data_format()
    found = []
    for start in range(0, len(part), BATCH):
        images = readable(part.images[start : start + BATCH], data_format)
        seen = backbone.predict_on_batch(images)
        found.append(np.asarray(seen, "float32"))
    features = np.concatenate(found)
    if not np.isfinite(features).all():
        raise ValueError(
            "the features of the frozen network contain NaN or infinity. Check "
            "--weights and --input-range"
        )
    with files.replacing(path) as partial:
        np.save(partial, features)
    return features


if __name__ == "__main__":
    raise SystemExit(main())
