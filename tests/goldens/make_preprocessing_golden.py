"""Generates a golden: `python -m tests.goldens.make_preprocessing_golden`.

Needs PyTorch, torchvision, timm and Pillow, but nothing of this project.
"""

import importlib

import numpy as np
import PIL
from PIL import Image

from tests.goldens.make_goldens import save

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE = 25


def main():
    timm = importlib.import_module("timm")
    data = importlib.import_module("timm.data")
    noise = np.random.RandomState(3).randint(0, 256, (9, 7, 3))
    # Enlarged, since photographs have few hard edges; higher than wide.
    image = Image.fromarray(noise.astype("uint8")).resize((45, 61))
    arrays = {"x": np.asarray(image)}
    cases = {
        "bicubic": {"crop_pct": 0.875, "interpolation": "bicubic"},
        "bilinear": {"crop_pct": 0.95, "interpolation": "bilinear"},
        "squash": {
            "crop_pct": 1.0,
            "interpolation": "bicubic",
            "crop_mode": "squash",
        },
    }
    for name, case in cases.items():
        transform = data.create_transform(
            (3, SIDE, SIDE), is_training=False, mean=MEAN, std=STD, **case
        )
        arrays[f"y_{name}"] = transform(image).numpy().transpose(1, 2, 0)
    save(
        "timm_preprocessing",
        arrays,
        source="timm.data.create_transform for evaluation",
        timm=timm.__version__,
        pillow=PIL.__version__,
        cases=cases,
        mean=MEAN,
        std=STD,
    )


if __name__ == "__main__":
    main()
