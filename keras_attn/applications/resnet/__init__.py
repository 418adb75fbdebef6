"""ResNets with slots for attention blocks, in the forms of timm."""

from keras_attn.applications.common.imagenet import (
    decode_predictions as decode_predictions,
)
from keras_attn.applications.common.imagenet import (
    preprocess_input as preprocess_input,
)
from keras_attn.applications.resnet.cifar import ResNetCIFAR as ResNetCIFAR
from keras_attn.applications.resnet.model import ResNet as ResNet
from keras_attn.applications.resnet.names import torch_names as torch_names
from keras_attn.applications.resnet.sizes import ResNet18 as ResNet18
from keras_attn.applications.resnet.sizes import ResNet34 as ResNet34
from keras_attn.applications.resnet.sizes import ResNet50 as ResNet50
from keras_attn.applications.resnet.sizes import ResNet101 as ResNet101
from keras_attn.applications.resnet.sizes import ResNet152 as ResNet152
