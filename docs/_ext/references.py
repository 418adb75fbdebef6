"""Links to the documentation of Keras and NumPy, without their inventories.

Names are looked up in the packages themselves, so the build needs no network,
and fails for a name that does not exist.
"""

import importlib

from docutils import nodes

PAGES = {
    # The addresses of keras.io do not follow from the name.
    "keras": "https://www.tensorflow.org/api_docs/python/tf/keras/{path}",
    "numpy": "https://numpy.org/doc/stable/reference/generated/{name}.html",
}
SHORT = {"np": "numpy"}


def setup(app):
    """Resolves names that no page of this site documents."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def address(name):
    """Returns the address of the page on a name of Keras or NumPy, or `None`.

    Args:
        name: Dotted name, such as `"keras.layers.Conv2D"` or `"np.ndarray"`.
    """
    first, _, rest = name.partition(".")
    package = SHORT.get(first, first)
    if package not in PAGES or not rest:
        return None
    found = importlib.import_module(package)
    for part in rest.split("."):
        found = getattr(found, part, None)
        if found is None:
            return None
    return PAGES[package].format(
        name=f"{package}.{rest}", path=rest.replace(".", "/")
    )


def public_name(name):
    """Returns the public name of a class of Keras.

    Args:
        name: The name in its `__module__`, such as
            `"keras.src.layers.layer.Layer"`.
    """
    if not name.startswith("keras.src."):
        return name
    module, _, short = name.rpartition(".")
    value = getattr(importlib.import_module(module), short, None)
    for room in ("keras", "keras.layers", "keras.losses", "keras.metrics"):
        if getattr(importlib.import_module(room), short, None) is value:
            return f"{room}.{short}"
    return name


def _resolve(app, env, node, contents):
    if node.get("refdomain") != "py":
        return None
    name = public_name(node["reftarget"])
    target = address(name)
    if target is None:
        return None
    reference = nodes.reference("", "", internal=False, refuri=target)
    if contents.astext() == node["reftarget"] != name:
        contents = nodes.literal(name, name)
    reference += contents
    return reference
