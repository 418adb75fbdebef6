"""Where a model looks: class activation maps of any Keras model."""

from keras_attn.explain.attention_maps import attention_maps as attention_maps
from keras_attn.explain.attention_rollout import (
    AttentionRollout as AttentionRollout,
)
from keras_attn.explain.base import ClassActivationMap as ClassActivationMap
from keras_attn.explain.cam import CAM as CAM
from keras_attn.explain.conceptor_cam import ConceptorCAM as ConceptorCAM
from keras_attn.explain.correspondence import correspondence as correspondence
from keras_attn.explain.deconvnet import DeconvNet as DeconvNet
from keras_attn.explain.eigen_cam import EigenCAM as EigenCAM
from keras_attn.explain.eigen_grad_cam import EigenGradCAM as EigenGradCAM
from keras_attn.explain.grad_cam import GradCAM as GradCAM
from keras_attn.explain.grad_cam_plus_plus import (
    GradCAMPlusPlus as GradCAMPlusPlus,
)
from keras_attn.explain.hi_res_cam import HiResCAM as HiResCAM
from keras_attn.explain.layer_cam import LayerCAM as LayerCAM
from keras_attn.explain.measures import average_drop as average_drop
from keras_attn.explain.measures import average_increase as average_increase
from keras_attn.explain.measures import pointing_game as pointing_game
from keras_attn.explain.network import Network as Network
from keras_attn.explain.occlusion import (
    occlusion_sensitivity as occlusion_sensitivity,
)
from keras_attn.explain.overlay import overlay as overlay
from keras_attn.explain.perturbation import deletion as deletion
from keras_attn.explain.perturbation import insertion as insertion
from keras_attn.explain.plot import plot as plot
from keras_attn.explain.plot_features import plot_features as plot_features
from keras_attn.explain.randomisation import (
    randomisation_check as randomisation_check,
)
from keras_attn.explain.reconstruction import Reconstruction as Reconstruction
from keras_attn.explain.score_cam import ScoreCAM as ScoreCAM
from keras_attn.explain.targets import MaskedMean as MaskedMean
from keras_attn.explain.top_activations import TopActivations as TopActivations
from keras_attn.explain.top_activations import (
    top_activations as top_activations,
)
from keras_attn.explain.x_grad_cam import XGradCAM as XGradCAM
