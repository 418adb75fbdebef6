# sh tests/step.sh NAME ARGUMENTS...: a step of run.sh, which sets what it needs:
# KIND:PART, tests of a folder on a backend, or those that run "once"; "compared",
# what they wrote. Its output is printed if it fails.
set -u
name=$1
shift
kind=${name%%:*}
part=${name#*:}
log=$LOGS/$(echo "$name" | tr :/ --).log
quicker="not slow and not thorough"
backend=$kind
case $kind in
    # Which backend runs what touches none does not matter, but one is enough.
    once) tests="once and $quicker" backend=${BACKENDS%% *} ;;
    *) if [ "$TIER" = all ]; then tests=""; else tests="not once and $quicker"; fi ;;
esac
folders=tests/$part
if [ "$part" = rest ]; then
    folders=tests
    for each in $PARTS; do folders="$folders --ignore tests/$each"; done
fi

start=$(date +%s)
if [ "$kind" = compared ]; then
    "$BIN/python" -m tests.compare_backends "$PARITY" --backends $BACKENDS
else
    KERAS_BACKEND=$backend KERAS_ATTN_PARITY_DIR=$PARITY \
        "$BIN/python" -m pytest $folders -m "$tests" "$@"
fi > "$log" 2>&1
code=$?

# Of a folder all tests may run once, or none may be asked for by arguments.
if [ "$code" = 5 ]; then code=0; fi
if [ "$code" = 0 ]; then result=passed; else result=FAILED; fi
if [ "$code" != 0 ]; then cat "$log"; fi
line="$name $result in $(($(date +%s) - start)) s: $(tail -n 1 "$log")"
echo "$line" >> "$LOGS/results"
echo "=== $line"
