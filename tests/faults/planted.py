"""The faults: the line, its faulty version and the tests that catch it."""

from dataclasses import dataclass

BLOCKS = "tests/blocks"
LAYERS = "tests/keras_attn/layers"


@dataclass(frozen=True)
class Fault:
    """One line of the package that is wrong.

    Args:
        path: Path of the file in `keras_attn`.
        right: The correct text, which occurs once.
        wrong: The faulty text.
        tests: Path of the tests, for `pytest`.
        check: Part of the name of a test that must fail.
        backend: The backend that the fault needs, if any.
    """

    path: str
    right: str
    wrong: str
    tests: str
    check: str
    backend: str | None = None


PLANTED = (
    # One for each check of the contract, in the order of `LAYER_CHECKS`.
    Fault(
        "layers/blocks/gct.py",
        "            autocast=False,\n        )\n\n    def call",
        '            autocast=False,\n            trainable=name != "beta",\n'
        "        )\n\n    def call",
        f"{BLOCKS}/gct.py",
        "check_number_of_weights",
    ),
    Fault(
        "layers/blocks/gct.py",
        '{"norm": self.norm, "epsilon": self.epsilon}',
        '{"norm": self.norm}',
        f"{BLOCKS}/gct.py",
        "check_config_round_trip",
    ),
    Fault(
        "layers/registry.py",
        'register_keras_serializable("keras_attn")',
        'register_keras_serializable("attn")',
        f"{BLOCKS}/srm.py",
        "check_registered_name",
    ),
    Fault(
        "layers/base.py",
        "        return tuple(input_shape)\n",
        "        return (1, *input_shape[1:])\n",
        f"{BLOCKS}/gct.py",
        "check_shapes_agree",
    ),
    Fault(
        "layers/blocks/srm.py",
        "count = ops.cast(height * width, x.dtype)",
        'self.count = getattr(self, "count", None) or height * width\n'
        "        count = ops.cast(self.count, x.dtype)",
        f"{BLOCKS}/srm.py",
        "check_dynamic_sizes",
    ),
    Fault(
        "layers/base.py",
        "return ops.reshape(inputs, (-1, channels, height * width))",
        "tokens = ops.reshape(inputs, (-1, height * width, channels))\n"
        "            return ops.transpose(tokens, (0, 2, 1))",
        f"{BLOCKS}/bilinear_attention.py",
        "check_data_formats_agree",
    ),
    Fault(
        "layers/blocks/srm.py",
        "ops.maximum(count - 1.0, 1.0)",
        "ops.maximum(count, 1.0)",
        f"{BLOCKS}/srm.py",
        "check_matches_reference",
    ),
    Fault(
        "layers/blocks/gct.py",
        "ops.sqrt(energy + epsilon)",
        "ops.sqrt(energy)",
        f"{BLOCKS}/gct.py",
        "check_gradients",
    ),
    Fault(
        "layers/base.py",
        "        return precision.widen(inputs)\n",
        "        return inputs\n",
        f"{BLOCKS}/srm.py",
        "check_float16",
    ),
    Fault(
        "ops/precision.py",
        "inputs = ops.clip(inputs, -LARGEST_FLOAT16, LARGEST_FLOAT16)",
        "pass",
        f"{BLOCKS}/feature_act.py",
        "check_saturation",
    ),
    Fault(
        "layers/base.py",
        "return precision.narrow(inputs, self.compute_dtype)",
        "return inputs",
        f"{BLOCKS}/gct.py",
        "check_dtype_policy",
    ),
    Fault(
        "layers/attention_to_scale.py",
        "dropout, seed=seed,",
        "dropout, seed=None,",
        f"{BLOCKS}/attention_to_scale.py",
        "check_randomness",
    ),
    Fault(
        "layers/blocks/eca.py",
        "ops.cast(ops.reshape(self.kernel, (-1,)), z.dtype)",
        "ops.stop_gradient(ops.reshape(self.kernel, (-1,)))",
        f"{BLOCKS}/eca.py",
        "check_compiled_fit",
    ),
    Fault(
        "layers/blocks/gct.py",
        "        x = self.widen(inputs)\n",
        "        x = self.x = self.widen(inputs)\n",
        f"{BLOCKS}/gct.py",
        "check_keeps_no_tensor",
    ),
    Fault(
        "layers/blocks/srm.py",
        "        mean = self.mean(x)\n",
        "        mean = self.mean(ops.reshape(x, (2, *x.shape[1:])))\n",
        f"{BLOCKS}/srm.py",
        "check_onnx_export",
    ),
    Fault(
        "layers/blocks/srm.py",
        "        super().__init__(identity_start, **kwargs)\n",
        "        super().__init__(identity_start, **kwargs)\n"
        "        self.supports_masking = True\n",
        f"{BLOCKS}/srm.py",
        "check_masking",
    ),
    Fault(
        "layers/blocks/gct.py",
        "energy = self.mean(ops.square(x))",
        "energy = self.mean(ops.square(x) ** 3) ** (1 / 3)",
        f"{BLOCKS}/gct.py",
        "check_large_gradients",
    ),
    Fault(
        "layers/blocks/eca.py",
        "channels, size = z.shape[1], self.kernel.shape[0]",
        "z = z - ops.max(z)\n"
        "        channels, size = z.shape[1], self.kernel.shape[0]",
        f"{BLOCKS}/eca.py",
        "check_empty_batch",
    ),
    Fault(
        "ops/precision.py",
        "return inputs if is_float(inputs) else ops.cast(inputs, dtype)",
        "return inputs",
        f"{BLOCKS}/multi_head_self_attention.py",
        "check_integers",
    ),
    # Other guarantees of the package.
    Fault(
        "ops/matrix_sqrt.py",
        "for _ in range(iterations - 1):",
        "for _ in range(iterations):",
        "tests/keras_attn/ops/test_matrix_sqrt.py",
        "test_",
    ),
    Fault(
        "ops/interpolation.py",
        "above = math.clip((2 * i + 1) * source - target, 0, last)",
        "above = math.clip(2 * i * source, 0, last)",
        "tests/keras_attn/ops/test_interpolation.py",
        "test_",
    ),
    Fault(
        "layers/parts/batch_normalization.py",
        "(1.0 - self.momentum)",
        "self.momentum",
        f"{LAYERS}/parts/test_batch_normalization.py",
        "test_",
    ),
    Fault(
        "backend/compiled.py",
        "\n    return outputs + bias\n\n\ndef max_pool(",
        "\n    return outputs - bias\n\n\ndef max_pool(",
        f"{LAYERS}/parts/test_conv2d.py",
        "test_",
        backend="jax",
    ),
    Fault(
        "explain/methods/base.py",
        "heatmaps.normalize(ops.maximum(each, 0.0))",
        "heatmaps.normalize(each)",
        "tests/keras_attn/explain/methods/test_grad_cam.py",
        "test_",
    ),
    Fault(
        "ops/principal_component.py",
        "ops.where(unsure, -low > high, agreement < 0)",
        "-low > high",
        "tests/keras_attn/ops/test_principal_component.py",
        "test_",
    ),
    Fault(
        "weights/archives.py",
        "if len({entry.filename for entry in entries}) < len(entries):",
        "if False:",
        "tests/keras_attn/weights/security/test_archives.py",
        "test_",
    ),
    Fault(
        "weights/convert.py",
        "if problems or not present or (strict and (missing or unexpected)):",
        "if problems or not present or (strict and missing):",
        "tests/keras_attn/weights/test_mismatch.py",
        "test_",
    ),
    Fault(
        "applications/deeplab/graph.py",
        "(256, 3), (512, 3), (512, 3))",
        "(256, 3), (512, 3), (512, 2))",
        "tests/keras_attn/applications/deeplab/test_graph.py",
        "test_",
    ),
    Fault(
        "applications/vit/layout.py",
        '_ROWS = ("attention/projection", "mlp2")',
        '_ROWS = ("attention/projection",)',
        "tests/keras_attn/applications/vit/test_layout.py",
        "test_",
        backend="jax",
    ),
    Fault(
        "applications/resnet/refusals.py",
        'r"resne(t|xt)blur\\d", "blur"',
        'r"resne(t|xt)blur\\d", "average"',
        "tests/keras_attn/applications/resnet/test_refusals.py",
        "test_the_name_of_the_architecture",
    ),
    Fault(
        "layers/parts/blur_pooling2d.py",
        "starts = [cut(images, 1, 2, 1)",
        "starts = [cut(images, 0, 1, 1)",
        f"{LAYERS}/parts/test_blur_pooling2d.py",
        "test_computes_its_formula",
    ),
    Fault(
        "applications/vit/positions.py",
        "_cubic(distance / max(scale, 1.0), -0.5)",
        "_cubic(distance, -0.5)",
        "tests/keras_attn/applications/vit/test_positions.py",
        "test_of_a_checkpoint",
    ),
    Fault(
        "layers/parts/gated_activation.py",
        "return self.activation(a) * b",
        "return a * self.activation(b)",
        "tests/keras_attn/applications/vit/test_graph.py",
        "test_outputs_and_names",
    ),
    Fault(
        "explain/methods/attention_rollout.py",
        'key = "rollout", *settings, len(layers)',
        'key = "rollout", *settings',
        "tests/keras_attn/explain/methods/test_attention_rollout.py",
        "test_is_weighted",
    ),
    Fault(
        "exporting/export.py",
        "if not largest <= tolerance:",
        "if largest > 1e3 * tolerance:",
        "tests/keras_attn/exporting/test_export.py",
        "test_",
    ),
    Fault(
        "explain/running/cache.py",
        "while len(_entries) > LIMIT:",
        "while False:",
        "tests/keras_attn/explain/running/test_cache.py",
        "test_",
    ),
)
