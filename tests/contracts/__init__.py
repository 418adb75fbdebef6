"""The contract that every layer and every model keeps.

A test hands each check a case and a folder:

    @contract(CASES, LAYER_CHECKS)
    def test_keeps_the_contract(case, check, tmp_path):
        check(case, tmp_path)
"""

import pytest

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
    check_config_round_trip,
    check_onnx_export,
    check_registered_name,
    check_saved_and_loaded,
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
    check_shapes_agree,
    check_dynamic_sizes,
    check_data_formats_agree,
    check_matches_reference,
    check_saved_and_loaded,
    check_gradients,
    check_float16,
    check_dtype_policy,
    check_randomness,
    check_compiled_fit,
    check_keeps_no_tensor,
    check_onnx_export,
)
# For layers only. Keras, for instance, lets every model accept a mask.
LAYER_CHECKS = (
    *MODEL_CHECKS,
    check_masking,
    check_saturation,
    check_large_gradients,
    check_empty_batch,
    check_integers,
)

# The checks that depend on the arguments of a class.
OF_ARGUMENTS = (
    check_number_of_weights,
    check_config_round_trip,
    check_saved_and_loaded,
    check_shapes_agree,
    check_data_formats_agree,
    check_matches_reference,
    check_gradients,
)
# The checks that one backend decides for all. The first three compute nothing,
# and `tests.compare_backends` compares shapes, numbers, formats and files of
# every case.
OF_ANY_BACKEND = (
    check_number_of_weights,
    check_config_round_trip,
    check_registered_name,
    check_shapes_agree,
    check_data_formats_agree,
    check_matches_reference,
    check_saved_and_loaded,
)
# The layers of a model have passed the other checks on each backend.
OF_A_MODEL_ON_EACH = (check_dtype_policy, check_compiled_fit)


def contract(cases, checks):
    """Parametrizes a test by `case` and `check`.

    The cases share their code, so only the first one needs all checks. For the
    other cases, checks outside `OF_ARGUMENTS` are also marked `thorough`. All
    checks of these cases, and all checks that one backend decides, are marked
    `once`.
    """
    return pytest.mark.parametrize(
        ("case", "check"),
        [
            pytest.param(
                case,
                check,
                id=f"{case}-{check.__name__}",
                marks=_marks(case, check, first=count == 0),
            )
            for count, case in enumerate(cases)
            for check in checks
        ],
    )


def _marks(case, check, first):
    marks = []
    if not first and check not in OF_ARGUMENTS:
        marks.append(pytest.mark.thorough)
    told = (
        check in OF_ANY_BACKEND
        or (isinstance(case, ModelCase) and check not in OF_A_MODEL_ON_EACH)
        or (check is check_randomness and not case.random)
    )
    once = told or not first
    marks.append(pytest.mark.once if once else pytest.mark.each_backend)
    return marks
