"""GPU memory of a subject."""


class Growth:
    """Peak growth of GPU memory caused by a subject, in MiB.

    Created before the subject, since weights count. The peak that JAX reports
    never falls: it is exact only if each function needs more memory than the
    one before, and it includes the kernels that XLA tried. Without a GPU,
    there is no result.
    """

    def __init__(self, jax):
        self._marks = _of_jax if jax else _of_torch
        self._before, _ = self._marks()

    def made(self):
        """Records the memory that the subject holds once it is made."""
        now, _ = self._marks()
        self._held = now - self._before

    def of(self, function):
        """Runs a function twice, and returns MiB, or `None` without a GPU."""
        before, _ = self._marks()
        # The first run may need more memory, to find the fastest kernels.
        function()
        self._marks(reset=True)
        function()
        _, highest = self._marks()
        return (highest - before + self._held) / 2**20 if highest else None


def _of_jax(reset=False):
    """Returns the bytes in use, and their peak."""
    import jax

    found = jax.local_devices()[0].memory_stats() or {}
    return found.get("bytes_in_use", 0), found.get("peak_bytes_in_use", 0)


def _of_torch(reset=False):
    """Returns the same for PyTorch; `reset` resets the peak."""
    import torch

    if not torch.cuda.is_available():
        return 0, 0
    if reset:
        torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
