"""Model architectures: functions that return a `keras.Model`."""

from keras_attn.applications import deeplab as deeplab
from keras_attn.applications import fernet as fernet
from keras_attn.applications import resnet as resnet
from keras_attn.applications import vit as vit
from keras_attn.applications import zfnet as zfnet
from keras_attn.applications.deeplab import DeepLabASC as DeepLabASC
from keras_attn.applications.deeplab import DeepLabLargeFOV as DeepLabLargeFOV
from keras_attn.applications.fernet import FERNet as FERNet
from keras_attn.applications.pretrained import (
    from_pretrained as from_pretrained,
)
from keras_attn.applications.pretrained import (
    preprocessing as preprocessing,
)
from keras_attn.applications.pretrained import pretrained as pretrained
from keras_attn.applications.resnet import ResNet as ResNet
from keras_attn.applications.resnet import ResNet18 as ResNet18
from keras_attn.applications.resnet import ResNet34 as ResNet34
from keras_attn.applications.resnet import ResNet50 as ResNet50
from keras_attn.applications.resnet import ResNet101 as ResNet101
from keras_attn.applications.resnet import ResNet152 as ResNet152
from keras_attn.applications.resnet import ResNetCIFAR as ResNetCIFAR
from keras_attn.applications.vit import ViT as ViT
from keras_attn.applications.vit import ViTBase16 as ViTBase16
from keras_attn.applications.vit import ViTBase32 as ViTBase32
from keras_attn.applications.vit import ViTLarge16 as ViTLarge16
from keras_attn.applications.vit import ViTSmall16 as ViTSmall16
from keras_attn.applications.vit import ViTTiny16 as ViTTiny16
from keras_attn.applications.zfnet import ZFNet as ZFNet
