"""What a subject takes of the memory of a GPU."""


class Growth:
    """By how much a subject makes the GPU's memory grow at most, in MiB.

    It begins before the subject is made, since weights count. JAX's highest
    mark never falls: it is right for what needs more each time, and includes
    what XLA tried. Without a GPU there is nothing to tell.
    """

    def __init__(self, jax):
        self._marks = _of_jax if jax else _of_torch
        self._before, _ = self._marks()

    def made(self):
        """Notes what the subject holds from now on."""
        now, _ = self._marks()
        self._held = now - self._before

    def of(self, function):
        """Runs a function twice, and returns the MiB; `None` without a GPU."""
        before, _ = self._marks()
        # The first run may try which kernels are fast, which takes more.
        function()
        self._marks(anew=True)
        function()
        _, highest = self._marks()
        return (highest - before + self._held) / 2**20 if highest else None


def _of_jax(anew=False):
    """Returns the bytes in use, and the most that were."""
    import jax

    found = jax.local_devices()[0].memory_stats() or {}
    return found.get("bytes_in_use", 0), found.get("peak_bytes_in_use", 0)


def _of_torch(anew=False):
    """Returns the same of PyTorch, the most since it was begun `anew`."""
    import torch

    if not torch.cuda.is_available():
        return 0, 0
    if anew:
        torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
