#!/bin/sh
# Runs the suite once per backend, then compares what they wrote; says at the
# end how each of these steps went. Arguments go to pytest.
# Needs: BIN, the folder of the environment's programs; BACKENDS, their names;
# TIER, which is "all" for the slow and thorough tests too.
set -u
parity=build/parity
rm -rf "$parity"
results=""
status=0

# Two workers a backend, one thread each: two PyTorch processes with two
# threads each slow each other eightfold.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export TF_NUM_INTRAOP_THREADS="${TF_NUM_INTRAOP_THREADS:-1}"

step() { # step NAME COMMAND...: runs a command and keeps its result
    name=$1
    shift
    start=$(date +%s)
    echo "=== $name"
    if "$@"; then result=passed; else result=FAILED status=1; fi
    results="$results
$name: $result in $(($(date +%s) - start)) s"
}

tests=""
if [ "${TIER:-}" != all ]; then
    tests="not slow and not thorough"
    # Without what makes its code fast, XLA compiles in a third of the time.
    quick="--xla_backend_optimization_level=0"
    quick="$quick --xla_cpu_use_fusion_emitters=false"
    quick="$quick --xla_cpu_parallel_codegen_split_count=1"
    # A release that does not know one of them ends the process.
    if XLA_FLAGS=$quick "$BIN/python" -c "import jax; jax.devices()" \
        2> /dev/null; then
        export KERAS_ATTN_XLA_FLAGS="$quick"
    fi
fi
for backend in $BACKENDS; do
    step "$backend" env KERAS_BACKEND="$backend" \
        KERAS_ATTN_PARITY_DIR="$parity" \
        "$BIN/python" -m pytest tests -m "$tests" -n 2 --dist loadscope "$@"
    # Which backend runs what touches none does not matter, but one is enough.
    if [ "${TIER:-}" != all ]; then
        tests="not slow and not thorough and not once"
    fi
done
step "backends compared" "$BIN/python" \
    -m tests.compare_backends "$parity" --backends $BACKENDS
echo "=== results$results"
exit $status
