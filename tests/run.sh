#!/bin/sh
# Runs the suite once per backend, a process each, then compares what they
# wrote; says at the end how each of these steps went. Arguments go to pytest.
# Needs: BIN, the folder of the environment's programs; BACKENDS, their names.
set -u
parity=build/parity
rm -rf "$parity"
results=""
status=0

step() { # step NAME COMMAND...: runs a command and keeps its result
    name=$1
    shift
    start=$(date +%s)
    echo "=== $name"
    if "$@"; then result=passed; else result=FAILED status=1; fi
    results="$results
$name: $result in $(($(date +%s) - start)) s"
}

for backend in $BACKENDS; do
    step "$backend" env KERAS_BACKEND="$backend" \
        KERAS_ATTN_PARITY_DIR="$parity" "$BIN/python" -m pytest tests "$@"
done
step "backends compared" "$BIN/python" \
    -m tests.compare_backends "$parity" --backends $BACKENDS
echo "=== results$results"
exit $status
