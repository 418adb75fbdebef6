"""The test suite. Sets the environment before a backend is imported."""

import os
import pathlib

WITHOUT = pathlib.Path(__file__).parent / "without"

# GPUs compute in full float32, here and in subprocesses. TensorFloat-32 keeps
# ten mantissa bits, which would hide a wrong constant.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")

# On a CPU, TensorFlow needs oneDNN for channels-first convolutions, and enables
# it by default on some processors only.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# The XLA flags that JAX uses in `make test`; TensorFlow's XLA has other flags.
if os.environ.get("KERAS_BACKEND") == "jax":
    given = os.environ.get("XLA_FLAGS", "")
    quick = os.environ.get("KERAS_ATTN_XLA_FLAGS", "")
    # A subprocess of a test has them already.
    if quick not in given:
        os.environ["XLA_FLAGS"] = f"{given} {quick}".strip()


def alone(backend):
    """Returns the environment of a process with only one backend."""
    others = {"tensorflow", "torch", "jax"} - {backend}
    # Keras imports it for its wrappers, which takes 1.5 seconds.
    others.add("sklearn")
    path = [str(WITHOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "KERAS_ATTN_WITHOUT": " ".join(sorted(others)),
        "PYTHONPATH": os.pathsep.join(path),
    }
