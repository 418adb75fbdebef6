"""Gives each class of the package bad configs, and watches what they do.

`python -m tests.watch_from_config` prints a line of JSON. It needs a process of
its own, because nobody can take an audit hook away again. With `--all`, numbers
in a config are replaced too, and not only texts, objects and `None`.
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
# What Python itself reports, whatever way led there.
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
    "dim": 4,
    "fan_in": 4,
    "filters": 4,
    "grid": (2, 2),
    "height": 4,
    "hidden": 2,
    "kernel_size": 3,
    "num_classes": 3,
    "stddev": 0.1,
    "units": 2,
    "width": 4,
}


def serialized(module, name, config, registered=None):
    """Returns an object as Keras writes it."""
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
    }


def bad_values():
    """Returns what no config should hold, and the reader must not follow."""
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
    """Returns an object of each registered class, by name."""
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
    """Returns the arguments that a class cannot do without."""
    parameters = inspect.signature(cls).parameters.values()
    return {
        p.name: ARGUMENTS[p.name]
        for p in parameters
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }


def replaced(config, value, kinds):
    """Yields configs with one entry each, at any depth, replaced by a value.

    Not within a policy of dtypes, which each layer has and Keras reads.
    """
    for key in config:
        if isinstance(config[key], kinds):
            yield key, {**config, key: copy.deepcopy(value)}
        if isinstance(config[key], dict) and key != "dtype":
            for _, inner in replaced(config[key], value, kinds):
                yield key, {**config, key: inner}


class Watch:
    """Writes down what happens while it has a name to write it down for."""

    def __init__(self):
        self.name = None
        self.happened = []

    def see(self, event, arguments):
        """Is called by Python with each event."""
        if self.name and event in WATCHED:
            arguments = f"{arguments!r}"[:200]
            self.happened.append(f"{self.name}: {event}{arguments}")

    def import_module(self, name, package=None):
        """Stands for the function of this name, which is no event."""
        # Keras looks for its own classes in its own modules.
        if name.split(".")[0] != "keras":
            self.see("import_module", (name, package))
        return import_module(name, package)


def main():
    watch = Watch()
    odd, counts = [], {}
    kinds = object if "--all" in sys.argv else (str, dict, type(None))
    # To show one, Python opens the code that it comes from.
    warnings.simplefilter("ignore")
    sys.addaudithook(watch.see)
    importlib.import_module = watch.import_module
    values = bad_values()
    for name, subject in sorted(subjects().items()):
        config = subject.get_config()
        configs = [c for v in values for c in replaced(config, v, kinds)]
        counts[name] = len(configs)
        # Keras imports parts of itself when it first needs them.
        type(subject).from_config(copy.deepcopy(config))
        for key, bad in configs:
            watch.name = name
            try:
                type(subject).from_config(bad)
            except (ValueError, TypeError):
                pass
            except Exception as error:
                # Keras' own base classes are not as strict with these.
                if key not in ("dtype", "name"):
                    odd.append(f"{name}: {type(error).__name__}: {error}")
            finally:
                watch.name = None
    happened = list(watch.happened)
    # That something would have been seen.
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
