"""Attention blocks as Keras layers."""

from keras_attn.layers.feature_act import FeatureAct as FeatureAct
