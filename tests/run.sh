#!/bin/sh
# Runs the suite on all backends in parallel, compares their records and prints
# the result of each part. Arguments are passed to pytest. Variables: BIN, the
# folder of executables of the environment; BACKENDS, the names of the backends;
# TIER, "all" to include slow and thorough tests; JOBS, the number of parallel
# parts, 2 by default (tests/parts.py).
set -u
LOGS=build/tests
export JOBS="${JOBS:-2}" KERAS_ATTN_PARITY_DIR=build/parity
rm -rf "$LOGS" "$KERAS_ATTN_PARITY_DIR"
mkdir -p "$LOGS"

# One thread each: two PyTorch processes with two threads each are eight times
# slower.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export TF_NUM_INTRAOP_THREADS="${TF_NUM_INTRAOP_THREADS:-1}"

# Caches bytecode, so that not every process rewrites all assertions.
export PYTHONDONTWRITEBYTECODE=

# Source locations of operations are not needed.
export JAX_TRACEBACK_IN_LOCATIONS_LIMIT="${JAX_TRACEBACK_IN_LOCATIONS_LIMIT:-0}"

# Without optimisation, XLA compiles in a third of the time.
quick="--xla_backend_optimization_level=0"
quick="$quick --xla_cpu_use_fusion_emitters=false"
quick="$quick --xla_cpu_parallel_codegen_split_count=1"
# JAX exits if it does not know a flag.
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
        # Status 5: the arguments select no test on this backend.
        if [ "$code" != 0 ] && [ "$code" != 5 ]; then
            echo "$backend FAILED with status $code" >> "$LOGS/results"
        fi
    ) &
    # Tests that use no backend run only once, on the first one.
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
