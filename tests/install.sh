#!/bin/sh
# Installs the built wheel into clean environments, each with one backend and
# nothing else, and uses it there: import, training, explanation, saving.
# Needs: BIN, the folder of the environment's programs, with hatchling;
# BACKENDS, their names; TORCH, the requirement that stands for PyTorch.
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
print(f"keras {keras.__version__}, {found.pop()}: trained, explained, saved")
PYTHON

for backend in ${BACKENDS:-tensorflow torch jax}; do
    echo "=== $backend"
    python=$folder/$backend/bin/python
    "$BIN/python" -m venv "$folder/$backend"
    also=""
    if [ "$backend" = torch ]; then also=${TORCH:-torch}; fi
    # shellcheck disable=SC2086
    "$python" -m pip install --quiet --disable-pip-version-check \
        "keras_attn[$backend] @ file://$wheel" $also
    "$python" -m pip check
    # Where neither a checkout lies, nor an environment named like a backend.
    cd "$folder/empty"
    export KERAS_BACKEND="$backend" TF_CPP_MIN_LOG_LEVEL=3
    "$python" -W error -c "import keras_attn"
    "$python" "$folder/empty/quick_start.py"
    cd - > /dev/null
done
