"""Arguments that all class activation maps share."""

from collections.abc import Sequence
from typing import TypedDict

import keras

from keras_attn.explain.running.feature_maps import Reshape

Layer = str | keras.Operation | Sequence[str | keras.Operation] | None


class MapArguments(TypedDict, total=False):
    """Keyword-only arguments of `ClassActivationMap`."""

    output: int | str | None
    image: int | str | None
    call_index: int | None
    reshape: Reshape | None
    data_format: str | None
    sign_correction: bool
