"""The tests; what they set before a backend is imported is set here."""

import os
import sys

# A GPU computes in full float32, here and in the processes that tests start:
# TensorFloat-32 keeps ten bits of a factor, which would hide a wrong constant.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")

# On a CPU, TensorFlow convolves channels first by oneDNN only, which it
# switches on by itself on some processors and not on others.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# What JAX compiles with in `make test`; TensorFlow's XLA knows other flags.
if os.environ.get("KERAS_BACKEND") == "jax":
    given = os.environ.get("XLA_FLAGS", "")
    quick = os.environ.get("KERAS_ATTN_XLA_FLAGS", "")
    # A process that a test starts has them already.
    if quick not in given:
        os.environ["XLA_FLAGS"] = f"{given} {quick}".strip()


class _Without:
    """Finds what others do, but for modules of some names.

    Not `None` in `sys.modules`: Keras asks for the name only, and takes the
    module for imported.
    """

    def __init__(self, finders, names):
        self.finders, self.names = finders, names

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            return None
        specs = (each.find_spec(name, path, target) for each in self.finders)
        return next(filter(None, specs), None)


# What a process that a test starts does not need, and Keras would import.
if names := os.environ.get("KERAS_ATTN_WITHOUT", "").split():
    sys.meta_path[:] = [_Without(sys.meta_path[:], names)]


def alone(backend):
    """Returns the environment of a process that has one backend only."""
    others = {"tensorflow", "torch", "jax"} - {backend}
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "KERAS_ATTN_WITHOUT": " ".join(sorted(others)),
    }
