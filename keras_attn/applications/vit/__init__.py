"""Vision Transformers, in the form of Google and timm or of lucidrains."""

from keras_attn.applications.common.imagenet import (
    decode_predictions as decode_predictions,
)
from keras_attn.applications.vit.layout import layout_map as layout_map
from keras_attn.applications.vit.model import ViT as ViT
from keras_attn.applications.vit.model import (
    preprocess_input as preprocess_input,
)
from keras_attn.applications.vit.names import torch_names as torch_names
from keras_attn.applications.vit.sizes import ViTBase16 as ViTBase16
from keras_attn.applications.vit.sizes import ViTBase32 as ViTBase32
from keras_attn.applications.vit.sizes import ViTLarge16 as ViTLarge16
from keras_attn.applications.vit.sizes import ViTSmall16 as ViTSmall16
from keras_attn.applications.vit.sizes import ViTTiny16 as ViTTiny16
