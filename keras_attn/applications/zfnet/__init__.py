"""ZF-Net: the network that DeconvNet was designed to visualise."""

from keras_attn.applications.common.imagenet import (
    decode_predictions as decode_predictions,
)
from keras_attn.applications.zfnet.constraint import (
    FilterRMSConstraint as FilterRMSConstraint,
)
from keras_attn.applications.zfnet.model import FILTERS as FILTERS
from keras_attn.applications.zfnet.model import ZFNet as ZFNet
from keras_attn.applications.zfnet.model import (
    preprocess_input as preprocess_input,
)
from keras_attn.applications.zfnet.names import torch_names as torch_names
from keras_attn.applications.zfnet.ten_crops import (
    predict_ten_crops as predict_ten_crops,
)
