"""DeepLab-LargeFOV, and attention to scale on top of it."""

from keras_attn.applications.deeplab.model import CLASS_NAMES as CLASS_NAMES
from keras_attn.applications.deeplab.model import SGD as SGD
from keras_attn.applications.deeplab.model import DeepLabASC as DeepLabASC
from keras_attn.applications.deeplab.model import (
    DeepLabLargeFOV as DeepLabLargeFOV,
)
from keras_attn.applications.deeplab.model import MeanIoU as MeanIoU
from keras_attn.applications.deeplab.model import (
    SegmentationCrossentropy as SegmentationCrossentropy,
)
from keras_attn.applications.deeplab.model import (
    preprocess_input as preprocess_input,
)
from keras_attn.applications.deeplab.model import torch_names as torch_names
