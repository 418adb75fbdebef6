#!/bin/sh
# Runs the suite on all backends side by side, then compares what they wrote;
# says at the end how each part went. Arguments go to pytest.
# Needs: BIN, the folder of the environment's programs; BACKENDS, their names;
# TIER, which is "all" for the slow and thorough tests too; JOBS, how many
# parts run at once, 2 if it is not set (tests/parts.py).
set -u
LOGS=build/tests
export JOBS="${JOBS:-2}" KERAS_ATTN_PARITY_DIR=build/parity
rm -rf "$LOGS" "$KERAS_ATTN_PARITY_DIR"
mkdir -p "$LOGS"

# One thread each: two PyTorch processes with two threads each slow each other
# eightfold.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export TF_NUM_INTRAOP_THREADS="${TF_NUM_INTRAOP_THREADS:-1}"

# Else each process would rewrite the assertions of all files by itself.
export PYTHONDONTWRITEBYTECODE=

# No one reads where in the code each operation comes from.
export JAX_TRACEBACK_IN_LOCATIONS_LIMIT="${JAX_TRACEBACK_IN_LOCATIONS_LIMIT:-0}"

# Without what makes its code fast, XLA compiles in a third of the time.
quick="--xla_backend_optimization_level=0"
quick="$quick --xla_cpu_use_fusion_emitters=false"
quick="$quick --xla_cpu_parallel_codegen_split_count=1"
# A release that does not know one of them ends the process.
if [ "${TIER:-}" != all ] && XLA_FLAGS=$quick \
    "$BIN/python" -c "import jax; jax.devices()" 2> /dev/null; then
    export KERAS_ATTN_XLA_FLAGS="$quick"
fi

tests="not slow and not thorough"
for backend in $BACKENDS; do
    if [ "${TIER:-}" = all ]; then tests=""; fi
    (
        KERAS_BACKEND=$backend "$BIN/python" -m pytest tests -m "$tests" \
            --parts "$LOGS" "$@"
        code=$?
        # Arguments may ask for no test of a backend.
        if [ "$code" != 0 ] && [ "$code" != 5 ]; then
            echo "$backend FAILED with status $code" >> "$LOGS/results"
        fi
    ) &
    # Which backend runs what touches none does not matter, but one is enough.
    tests="not once and not slow and not thorough"
done
wait

result=passed
if [ "${TIER:-}" = all ]; then each=--each; else each=; fi
"$BIN/python" -m tests.compare_backends "$KERAS_ATTN_PARITY_DIR" \
    --backends $BACKENDS $each > "$LOGS/compared.log" 2>&1 || result=FAILED
if [ "$result" = FAILED ]; then cat "$LOGS/compared.log"; fi
echo "compared $result: $(tail -n 1 "$LOGS/compared.log")" >> "$LOGS/results"
echo "=== results"
cat "$LOGS/results"
! grep -q FAILED "$LOGS/results"
