"""DeepLab-LargeFOV, and DeepLab with attention to scale."""

from keras_attn.applications.deeplab.asc import DeepLabASC as DeepLabASC
from keras_attn.applications.deeplab.images import CLASS_NAMES as CLASS_NAMES
from keras_attn.applications.deeplab.images import (
    preprocess_input as preprocess_input,
)
from keras_attn.applications.deeplab.large_fov import (
    DeepLabLargeFOV as DeepLabLargeFOV,
)
from keras_attn.applications.deeplab.multipliers import SGD as SGD
from keras_attn.applications.deeplab.names import torch_names as torch_names
from keras_attn.applications.deeplab.segmentation import MeanIoU as MeanIoU
from keras_attn.applications.deeplab.segmentation import (
    SegmentationCrossentropy as SegmentationCrossentropy,
)
