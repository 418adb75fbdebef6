"""Attention blocks as Keras layers."""

from keras_attn.layers.cbam import CBAM as CBAM
from keras_attn.layers.eca import ECA as ECA
from keras_attn.layers.fca import FCA as FCA
from keras_attn.layers.feature_act import FeatureAct as FeatureAct
from keras_attn.layers.gct import GCT as GCT
from keras_attn.layers.registry import get as get
from keras_attn.layers.registry import names as names
from keras_attn.layers.se import SE as SE
from keras_attn.layers.srm import SRM as SRM
