"""Passes bad configs to every class of the package and records the effects.

`python -m tests.watch_from_config` prints one line of JSON. It needs its own
process because an audit hook cannot be removed. With `--all`, it replaces every
value of a config, not only strings, objects and `None`.
"""

import base64
import contextlib
import copy
import importlib
import inspect
import json
import marshal
import sys
import warnings

import keras

import keras_attn  # noqa: F401 - registers its classes
from tests.cases.layers import LAYERS

import_module = importlib.import_module
CANARY = "a_module_that_nobody_has"
FILE = f"/{CANARY}/passwd"
# The audit events of Python, however they are caused.
WATCHED = {
    "import",
    "import_module",
    "open",
    "exec",
    "marshal.loads",
    "pickle.find_class",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.listdir",
    "os.scandir",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "subprocess.Popen",
    "socket.connect",
    "socket.getaddrinfo",
    "urllib.Request",
    "ctypes.dlopen",
}
ARGUMENTS = {
    "activation": "relu",
    "dim": 4,
    "fan_in": 4,
    "filters": 4,
    "grid": (2, 2),
    "height": 4,
    "hidden": 2,
    "resize": 4,
    "kernel_size": 3,
    "num_classes": 3,
    "num_heads": 2,
    "stddev": 0.1,
    "units": 2,
    "width": 4,
}


def serialized(module, name, config, registered=None):
    """Returns an object as Keras serializes it."""
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
    }


def bad_values():
    """Returns values that configs should not hold and that must do nothing."""
    code = compile("open('/etc/passwd')", "code", "eval")
    code = base64.b64encode(marshal.dumps(code)).decode()
    code = {"code": code, "defaults": None, "closure": None}
    function = {"class_name": "__lambda__", "config": code}
    lookup = {"vocabulary": FILE}
    return [
        FILE,
        "/etc/passwd",
        "os.system",
        f"{CANARY}.function",
        "__import__('os').system('true')",
        function,
        serialized("os", "system", {"command": "true"}),
        serialized("os", "function", "system", "system"),
        serialized("builtins", "function", "eval", "eval"),
        serialized(CANARY, "function", "function", f"{CANARY}>function"),
        serialized("keras.layers", "Lambda", {"function": function}),
        serialized("keras.layers", "StringLookup", lookup),
        serialized("keras.layers", "TFSMLayer", {"filepath": FILE}),
        serialized("keras.utils", "get_file", {"origin": f"file://{FILE}"}),
        serialized("keras.models", "function", "load_model", "load_model"),
    ]


def subjects():
    """Returns a dict from name to an object of each registered class."""
    layers = [case.make() for case in LAYERS]
    found = {type(layer).__name__: layer for layer in layers}
    registered = keras.saving.get_custom_objects()
    for key, cls in registered.items():
        package, _, name = key.partition(">")
        if package != "keras_attn" or name in found:
            continue
        if inspect.isclass(cls):
            found[name] = cls(**required(cls))
    return found


def required(cls):
    """Returns the required arguments of a class."""
    parameters = inspect.signature(cls).parameters.values()
    return {
        p.name: ARGUMENTS[p.name]
        for p in parameters
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }


def replaced(config, value, kinds):
    """Yields configs with one entry, at any depth, replaced by a value.

    Dtype policies are left alone, as Keras reads them.
    """
    for key in config:
        if isinstance(config[key], kinds):
            yield key, {**config, key: copy.deepcopy(value)}
        if isinstance(config[key], dict) and key != "dtype":
            for _, inner in replaced(config[key], value, kinds):
                yield key, {**config, key: inner}


class Watch:
    """Records events while `name` is set."""

    def __init__(self):
        self.name = None
        self.happened = []

    def see(self, event, arguments):
        """Records an event; Python calls this for each one."""
        if self.name and event in WATCHED:
            arguments = f"{arguments!r}"[:200]
            self.happened.append(f"{self.name}: {event}{arguments}")

    def import_module(self, name, package=None):
        """Replaces `importlib.import_module`, which raises no audit event."""
        # Keras looks up its own classes in its own modules.
        if name.split(".")[0] != "keras":
            self.see("import_module", (name, package))
        return import_module(name, package)


def main():
    watch = Watch()
    odd, counts = [], {}
    kinds = object if "--all" in sys.argv else (str, dict, type(None))
    # To show a warning, Python opens its source file.
    warnings.simplefilter("ignore")
    sys.addaudithook(watch.see)
    importlib.import_module = watch.import_module
    values = bad_values()
    for name, subject in sorted(subjects().items()):
        config = subject.get_config()
        configs = [c for v in values for c in replaced(config, v, kinds)]
        counts[name] = len(configs)
        # Keras imports parts of itself lazily.
        type(subject).from_config(copy.deepcopy(config))
        for key, bad in configs:
            watch.name = name
            try:
                type(subject).from_config(bad)
            except (ValueError, TypeError):
                pass
            except Exception as error:
                # Keras' base classes are less strict about these.
                if key not in ("dtype", "name"):
                    odd.append(f"{name}: {type(error).__name__}: {error}")
            finally:
                watch.name = None
    happened = list(watch.happened)
    # Shows that the watch records events.
    watch.name = "armed"
    with contextlib.suppress(OSError):
        open(FILE)
    importlib.import_module("os")
    with contextlib.suppress(ImportError):
        __import__(CANARY)
    watch.name = None
    print(
        json.dumps(
            {
                "happened": happened,
                "armed": watch.happened[len(happened) :],
                "odd": odd,
                "counts": counts,
            }
        )
    )


if __name__ == "__main__":
    main()
