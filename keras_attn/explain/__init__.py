"""Explanations of what any Keras model looks at."""

from keras_attn.explain.drawing.overlay import overlay as overlay
from keras_attn.explain.drawing.plot import plot as plot
from keras_attn.explain.drawing.plot_features import (
    plot_features as plot_features,
)
from keras_attn.explain.features.correspondence import (
    correspondence as correspondence,
)
from keras_attn.explain.features.deconvnet import DeconvNet as DeconvNet
from keras_attn.explain.features.reconstruction import (
    Reconstruction as Reconstruction,
)
from keras_attn.explain.features.top_activations import (
    TopActivations as TopActivations,
)
from keras_attn.explain.features.top_activations import (
    top_activations as top_activations,
)
from keras_attn.explain.measures.averages import average_drop as average_drop
from keras_attn.explain.measures.averages import (
    average_increase as average_increase,
)
from keras_attn.explain.measures.perturbation import deletion as deletion
from keras_attn.explain.measures.perturbation import insertion as insertion
from keras_attn.explain.measures.pointing_game import (
    pointing_game as pointing_game,
)
from keras_attn.explain.measures.randomisation import (
    randomisation_check as randomisation_check,
)
from keras_attn.explain.methods.attention_maps import (
    attention_maps as attention_maps,
)
from keras_attn.explain.methods.attention_rollout import (
    AttentionRollout as AttentionRollout,
)
from keras_attn.explain.methods.base import (
    ClassActivationMap as ClassActivationMap,
)
from keras_attn.explain.methods.cam import CAM as CAM
from keras_attn.explain.methods.conceptor_cam import (
    ConceptorCAM as ConceptorCAM,
)
from keras_attn.explain.methods.eigen_cam import EigenCAM as EigenCAM
from keras_attn.explain.methods.eigen_grad_cam import (
    EigenGradCAM as EigenGradCAM,
)
from keras_attn.explain.methods.grad_cam import GradCAM as GradCAM
from keras_attn.explain.methods.grad_cam_plus_plus import (
    GradCAMPlusPlus as GradCAMPlusPlus,
)
from keras_attn.explain.methods.hi_res_cam import HiResCAM as HiResCAM
from keras_attn.explain.methods.layer_cam import LayerCAM as LayerCAM
from keras_attn.explain.methods.occlusion import (
    occlusion_sensitivity as occlusion_sensitivity,
)
from keras_attn.explain.methods.score_cam import ScoreCAM as ScoreCAM
from keras_attn.explain.methods.x_grad_cam import XGradCAM as XGradCAM
from keras_attn.explain.running.network import Network as Network
from keras_attn.explain.running.targets import MaskedMean as MaskedMean
