"""Links to Keras and NumPy, whose inventories are not at hand offline.

A name is looked up in the package itself, so that one that does not exist is
an error of the build, as a name of ours is.
"""

import importlib

from docutils import nodes

PAGES = {
    # Keras' own pages have no address that follows from the name.
    "keras": "https://www.tensorflow.org/api_docs/python/tf/keras/{path}",
    "numpy": "https://numpy.org/doc/stable/reference/generated/{name}.html",
}
SHORT = {"np": "numpy"}


def setup(app):
    """Answers for names that no page of this site documents."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def address(name):
    """Returns where a name of Keras or NumPy is documented, or `None`.

    Args:
        name: Such as `"keras.layers.Conv2D"` or `"np.ndarray"`.
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
    """Returns the name under which users know a class of Keras.

    Args:
        name: Such as `"keras.src.layers.layer.Layer"`, which a base class
            gives as its own.
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
