"""The contract that every layer and every model keeps.

A test hands each check a case and a folder:

    @pytest.mark.parametrize("check", LAYER_CHECKS)
    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_keeps_the_contract(case, check, tmp_path):
        check(case, tmp_path)
"""

from tests.contracts.cases import LayerCase as LayerCase
from tests.contracts.cases import ModelCase as ModelCase
from tests.contracts.extremes import (
    check_empty_batch,
    check_integers,
    check_large_gradients,
    check_saturation,
)
from tests.contracts.numerics import (
    check_dtype_policy,
    check_float16,
    check_gradients,
)
from tests.contracts.running import (
    check_compiled_fit,
    check_keeps_no_tensor,
    check_masking,
    check_randomness,
)
from tests.contracts.saving import (
    check_backends_exchange_weights,
    check_config_round_trip,
    check_fresh_process_load,
    check_onnx_export,
    check_registered_name,
)
from tests.contracts.shapes import (
    check_data_formats_agree,
    check_dynamic_sizes,
    check_matches_reference,
    check_number_of_weights,
    check_shapes_agree,
)

MODEL_CHECKS = (
    check_number_of_weights,
    check_config_round_trip,
    check_registered_name,
    check_fresh_process_load,
    check_shapes_agree,
    check_dynamic_sizes,
    check_data_formats_agree,
    check_matches_reference,
    check_backends_exchange_weights,
    check_gradients,
    check_float16,
    check_dtype_policy,
    check_randomness,
    check_compiled_fit,
    check_keeps_no_tensor,
    check_onnx_export,
)
# A model takes a mask from Keras, whatever it does with it. A process takes
# seconds: `tests/test_parity.py` loads all layers in one.
LAYER_CHECKS = (
    *(check for check in MODEL_CHECKS if check != check_fresh_process_load),
    check_masking,
    check_saturation,
    check_large_gradients,
    check_empty_batch,
    check_integers,
)
