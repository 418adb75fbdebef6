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
# A model takes a mask from Keras, whatever it does with it.
LAYER_CHECKS = (
    *MODEL_CHECKS,
    check_masking,
    check_saturation,
    check_large_gradients,
    check_empty_batch,
    check_integers,
)

# What the arguments of a class can change; the rest is the same code.
OF_ARGUMENTS = (
    check_number_of_weights,
    check_config_round_trip,
    check_saved_and_loaded,
    check_shapes_agree,
    check_data_formats_agree,
    check_matches_reference,
    check_gradients,
)
# What one backend tells of all: the first three compute nothing, and
# `tests.compare_backends` has the numbers, formats and files of every case.
OF_ANY_BACKEND = (
    check_number_of_weights,
    check_config_round_trip,
    check_registered_name,
    check_data_formats_agree,
    check_matches_reference,
    check_saved_and_loaded,
)
# Of a model, the layers have passed the others on each backend.
OF_A_MODEL_ON_EACH = (check_dtype_policy, check_compiled_fit)


def contract(cases, checks):
    """Parametrizes a test by `case` and `check`.

    The cases are of one code, and the first one takes all checks. Of the
    others, those that are not `OF_ARGUMENTS` are marked `thorough`, and the
    rest `once`, as what one backend tells of all is.
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
    told = check in OF_ANY_BACKEND or (
        isinstance(case, ModelCase) and check not in OF_A_MODEL_ON_EACH
    )
    once = told or not first
    marks.append(pytest.mark.once if once else pytest.mark.each_backend)
    return marks
