"""FERNet: facial expression recognition with FeatureAct blocks."""

from keras_attn.applications.fernet.model import CLASS_NAMES as CLASS_NAMES
from keras_attn.applications.fernet.model import STAGES as STAGES
from keras_attn.applications.fernet.model import FERNet as FERNet
from keras_attn.applications.fernet.model import (
    decode_predictions as decode_predictions,
)
from keras_attn.applications.fernet.model import (
    preprocess_input as preprocess_input,
)
from keras_attn.applications.fernet.names import torch_names as torch_names
