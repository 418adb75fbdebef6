#!/bin/sh
# Installs the built wheel into clean environments, each with one backend and
# its exporters. Then runs the first steps of a new user: import, training,
# explanation, saving, a block in a custom model, and export. Variables: BIN,
# the folder of executables of an environment with hatchling; BACKENDS, the
# names of the backends; TORCH, the requirement for PyTorch.
set -eu
BIN=$(cd "${BIN:-.venv/bin}" && pwd)
folder=$(pwd)/build/install
rm -rf "$folder"
mkdir -p "$folder/empty"
"$BIN/python" -m hatchling build -t wheel -d "$folder"
wheel=$(ls "$folder"/*.whl)

cat > "$folder/empty/quick_start.py" <<'PYTHON'
import importlib.util
import os
import pathlib
import sys

import keras
import keras_attn
import numpy as np

backends = {"tensorflow", "torch", "jax"}
found = {name for name in backends if importlib.util.find_spec(name)}
assert found == {os.environ["KERAS_BACKEND"]}, found
assert keras.backend.backend() in found
assert pathlib.Path(keras_attn.__file__).is_relative_to(sys.prefix)

random = np.random.default_rng(0)
images = random.random((8, 48, 48, 1), "float32")
labels = random.integers(7, size=8)
model = keras_attn.applications.FERNet()
model.compile("adam", "sparse_categorical_crossentropy")
history = model.fit(images, labels, batch_size=4, epochs=1, verbose=0).history
assert np.isfinite(history["loss"]).all(), history

maps = keras.ops.convert_to_numpy(keras_attn.explain.GradCAM(model)(images))
assert maps.shape == (8, 48, 48) and np.isfinite(maps).all(), maps.shape

expected = model.predict(images, verbose=0)
model.save("model.keras")
again = keras.models.load_model("model.keras").predict(images, verbose=0)
np.testing.assert_allclose(again, expected, rtol=1e-5, atol=1e-6)

inputs = keras.Input((20, 24, 3))
x = keras.layers.Conv2D(16, 3, activation="relu")(inputs)
x = keras_attn.layers.get("eca", name="attention")(x)
x = keras.layers.GlobalAveragePooling2D()(x)
own = keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(x))
own.compile("adam", "sparse_categorical_crossentropy")
pictures = random.random((8, 20, 24, 3), "float32")
own.fit(pictures, labels % 4, verbose=0)
gates = keras_attn.explain.attention_maps(own, pictures)
assert gates["attention"].shape == (8, 16), gates
difference = keras_attn.export(own, "own.onnx")
assert pathlib.Path("own.onnx").is_file()
print(
    f"keras {keras.__version__}, {found.pop()}: trained, explained, saved; "
    f"custom model exported, difference {difference:.0e}"
)
PYTHON

for backend in ${BACKENDS:-tensorflow torch jax}; do
    echo "=== $backend"
    python=$folder/$backend/bin/python
    "$BIN/python" -m venv "$folder/$backend"
    also="" extras=$backend,export
    if [ "$backend" = torch ]; then also=${TORCH:-torch}; fi
    if [ "$backend" = jax ]; then extras=$extras-jax; fi
    # shellcheck disable=SC2086
    "$python" -m pip install --quiet --disable-pip-version-check \
        "keras_attn[$extras] @ file://$wheel" $also
    "$python" -m pip check
    # Not in the checkout, nor next to environments named after backends.
    cd "$folder/empty"
    export KERAS_BACKEND="$backend" TF_CPP_MIN_LOG_LEVEL=3
    "$python" -W error -c "import keras_attn"
    "$python" "$folder/empty/quick_start.py"
    cd - > /dev/null
done
