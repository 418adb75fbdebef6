"""Published weights by name: models, a list of names, preprocessing."""

from keras_attn.applications.pretrained.image_preparation import (
    preprocessing as preprocessing,
)
from keras_attn.applications.pretrained.listing import pretrained as pretrained
from keras_attn.applications.pretrained.loading import (
    from_pretrained as from_pretrained,
)
