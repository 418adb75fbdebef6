#!/bin/sh
# Runs the suite and the benchmarks in ten minutes on a machine with one GPU, 16
# cores and no network. PyTorch's and JAX's tests run in parallel, their records
# are compared, then `benchmarks.gpu` runs. A failed step does not stop the
# others. Results are in $OUT/summary, with the logs in the same folder. The
# status is 0 if all steps passed. Arguments are passed to pytest.
#
# PYTHON must be able to import torch and jax with CUDA, and the packages of the
# `test` extra in pyproject.toml. Missing packages are installed from a folder
# WHEELS, downloaded elsewhere for that Python:
#   pip download --no-deps --only-binary=:all: --python-version 3.12 \
#       --implementation cp --platform manylinux_2_28_x86_64 -d WHEELS \
#       keras==3.15.1 namex optree hatchling pathspec tomlkit trove-classifiers \
#       pytest-timeout
# Without timm, only its rows are missing. STEPS defaults to "tests compare bench".
# To rerun rows that had no time: STEPS=bench BENCH="--rows FERNet ViT-S/16".
# To try the script on a CPU:
# REQUIRE= PYTEST_SELECT=tests/test_parity.py TORCH_WORKERS=1 JAX_WORKERS=1
# BENCH="--batch 2 --size 32 --rounds 1 --eager".
set -u
PYTHON="${PYTHON:-python3}"
OUT="${OUT:-build/gpu}"
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
WHEELS="${WHEELS:+$(cd "$WHEELS" && pwd)}"
cd "$(dirname "$0")/../.." || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -f "$OUT/summary" "$OUT/gpu.jsonl"
touch "$OUT/summary"

export OUT PYTHONPATH="$work/site:$PWD${PYTHONPATH:+:$PYTHONPATH}" \
    PYTHONUNBUFFERED=1
# By default, the first JAX process reserves three quarters of the memory.
export XLA_PYTHON_CLIENT_PREALLOCATE=false

step() { # step NAME SECONDS COMMAND...: runs a command and logs the result
    name=$1
    seconds=$2
    shift 2
    begin=$(date +%s)
    timeout -k 10 "$seconds" "$@" > "$OUT/$name.log" 2>&1
    case $? in
        0) result=passed ;;
        124 | 137) result="FAILED, out of time" ;;
        *) result=FAILED ;;
    esac
    last=$(tail -n 1 "$OUT/$name.log")
    echo "$name: $result in $(($(date +%s) - begin)) s: $last" \
        >> "$OUT/summary"
}

# pytest stops at the time limit itself, so it still lists the failures.
suite() { # suite BACKEND WORKERS SELECTION ARGUMENTS...
    backend=$1
    workers=$2
    selection=$3
    shift 3
    step "$backend" "$((TESTS_SECONDS + 30))" env KERAS_BACKEND="$backend" \
        OMP_NUM_THREADS=1 KERAS_ATTN_PARITY_DIR="$work/parity" "$PYTHON" -m pytest \
        ${PYTEST_SELECT:-tests} -m "$selection" -n "$workers" \
        --dist loadscope ${REQUIRE---require-gpu} -vv -rsfE --durations 20 \
        --session-timeout "$TESTS_SECONDS" "$@"
}

steps=" ${STEPS:-tests compare bench} "
TESTS_SECONDS="${TESTS_SECONDS:-240}"
if [ -n "$WHEELS" ]; then
    step wheels 60 "$PYTHON" -m pip install --no-index --no-deps \
        --no-compile --target "$work/site" "$WHEELS"/*.whl
fi
case $steps in *" tests "*)
    # Autotuning of kernels takes most of the time of XLA.
    quick="${XLA_QUICK---xla_gpu_autotune_level=0}"
    # JAX exits if it does not know a flag.
    XLA_FLAGS=$quick "$PYTHON" -c "import jax; jax.devices()" \
        > /dev/null 2>&1 && export KERAS_ATTN_XLA_FLAGS="$quick"
    quicker="not slow and not thorough"
    suite torch "${TORCH_WORKERS:-5}" "$quicker" "$@" &
    suite jax "${JAX_WORKERS:-11}" "$quicker and not once" "$@" &
    case $steps in *" bench "*)
        # Fills the cache of the PyTorch compiler.
        step prepare "$((TESTS_SECONDS + 30))" \
            "$PYTHON" -m benchmarks.gpu ${BENCH:-} \
            --backends torch --rounds 0 --results "$work/prepared" \
            --seconds "$TESTS_SECONDS" --limit 150 &
        ;;
    esac
    wait
    ;;
esac
case $steps in *" compare "*)
    step compare "${COMPARE_SECONDS:-90}" "$PYTHON" \
        -m tests.compare_backends "$work/parity" --backends torch jax ;;
esac
case $steps in *" bench "*)
    seconds=${BENCH_SECONDS:-170}
    step bench "$((seconds + 20))" "$PYTHON" -m benchmarks.gpu \
        --results "$OUT/gpu.jsonl" --seconds "$seconds" ${BENCH:-} ;;
esac

if grep -qv ": passed in " "$OUT/summary"; then status=1; else status=0; fi
grep -h "^FAILED\|^ERROR" "$OUT"/*.log | cut -c 1-200 | head -n 60 \
    >> "$OUT/summary"
cat "$OUT/summary"
exit $status
