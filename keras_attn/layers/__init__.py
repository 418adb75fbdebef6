"""Attention blocks as Keras layers."""

from keras_attn.layers.attention_to_scale import (
    AttentionToScale as AttentionToScale,
)
from keras_attn.layers.bilinear_resizing import (
    BilinearResizing as BilinearResizing,
)
from keras_attn.layers.blocks.bilinear_attention import (
    BilinearAttention as BilinearAttention,
)
from keras_attn.layers.blocks.cbam import CBAM as CBAM
from keras_attn.layers.blocks.context_encoding import (
    ContextEncoding as ContextEncoding,
)
from keras_attn.layers.blocks.dia import DIA as DIA
from keras_attn.layers.blocks.eca import ECA as ECA
from keras_attn.layers.blocks.fca import FCA as FCA
from keras_attn.layers.blocks.feature_act import FeatureAct as FeatureAct
from keras_attn.layers.blocks.gct import GCT as GCT
from keras_attn.layers.blocks.global_context import (
    GlobalContext as GlobalContext,
)
from keras_attn.layers.blocks.gsop import GSoP as GSoP
from keras_attn.layers.blocks.se import SE as SE
from keras_attn.layers.blocks.selective_kernel import (
    SelectiveKernel as SelectiveKernel,
)
from keras_attn.layers.blocks.soca import SOCA as SOCA
from keras_attn.layers.blocks.split_attention import (
    SplitAttention as SplitAttention,
)
from keras_attn.layers.blocks.srm import SRM as SRM
from keras_attn.layers.covariance_pooling import (
    CovariancePooling as CovariancePooling,
)
from keras_attn.layers.encoding import Encoding as Encoding
from keras_attn.layers.historic.local_response_normalization import (
    LocalResponseNormalization as LocalResponseNormalization,
)
from keras_attn.layers.historic.max_pooling2d_with_indices import (
    MaxPooling2DWithIndices as MaxPooling2DWithIndices,
)
from keras_attn.layers.historic.max_unpooling2d import (
    MaxUnpooling2D as MaxUnpooling2D,
)
from keras_attn.layers.historic.mean_image import MeanImage as MeanImage
from keras_attn.layers.historic.ten_crop import TenCrop as TenCrop
from keras_attn.layers.layer_scale import LayerScale as LayerScale
from keras_attn.layers.multi_head_self_attention import (
    MultiHeadSelfAttention as MultiHeadSelfAttention,
)
from keras_attn.layers.registry import get as get
from keras_attn.layers.registry import names as names
