#!/bin/sh
# Runs the suite on each backend, then compares what they wrote; says at the end
# how each of these steps went. Arguments go to pytest.
# Needs: BIN, the folder of the environment's programs; BACKENDS, their names;
# TIER, which is "all" for the slow and thorough tests too; JOBS, how many
# processes run at once, 2 if it is not set.
set -u
export BIN BACKENDS TIER="${TIER:-}" LOGS=build/tests PARITY=build/parity
rm -rf "$LOGS" "$PARITY"
mkdir -p "$LOGS"

# One thread each: two PyTorch processes with two threads each slow each other
# eightfold.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export TF_NUM_INTRAOP_THREADS="${TF_NUM_INTRAOP_THREADS:-1}"

kinds=$BACKENDS
if [ "$TIER" != all ]; then
    kinds="once $BACKENDS"
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

# A new process for each of these folders and for the rest: the more graphs there
# are in one, the longer TensorFlow takes for the next.
export PARTS="blocks applications keras_attn/applications keras_attn/explain"
for part in $PARTS rest; do
    for kind in $kinds; do
        echo "$kind:$part"
    done
done | xargs -P "${JOBS:-2}" -I NAME sh tests/step.sh NAME "$@"
sh tests/step.sh compared
echo "=== results"
cat "$LOGS/results"
! grep -q FAILED "$LOGS/results"
