# sh tests/step.sh NAME ARGUMENTS...: a step of run.sh, which sets what it needs:
# the tests of a backend, those of any ("once"), or what they wrote "compared".
# Its output is printed if it fails.
set -u
name=$1
shift
log=$LOGS/$name.log
quicker="not slow and not thorough"
backend=$name
case $name in
    compared) ;;
    # Which backend runs what touches none does not matter, but one is enough.
    once) tests="once and $quicker" backend=${BACKENDS%% *} ;;
    *) if [ "$TIER" = all ]; then tests=""; else tests="not once and $quicker"; fi ;;
esac

start=$(date +%s)
echo "=== $name: see $log"
if [ "$name" = compared ]; then
    "$BIN/python" -m tests.compare_backends "$PARITY" --backends $BACKENDS
else
    KERAS_BACKEND=$backend KERAS_ATTN_PARITY_DIR=$PARITY \
        "$BIN/python" -m pytest tests -m "$tests" "$@"
fi > "$log" 2>&1
code=$?

result=FAILED
if [ "$code" = 0 ]; then result=passed; fi
# What is asked for by arguments may not be among these tests.
if [ "$code" = 5 ] && [ $# -gt 0 ]; then result="passed, no test"; fi
if [ "$result" = FAILED ]; then cat "$log"; fi
line="$name: $result in $(($(date +%s) - start)) s"
echo "$line" >> "$LOGS/results"
echo "=== $line"
