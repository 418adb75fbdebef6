#!/bin/sh
# Checks the built site in Chromium, and installs it on Debian if it is missing.
# Needs BIN, the folder with the programs of the environment. Passes its arguments
# to tests/docs/browse.py.
set -eu
if [ ! -x /usr/bin/chromium ]; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium
fi
"$BIN/python" -m pip install --quiet --disable-pip-version-check \
    "playwright>=1.50"
exec "$BIN/python" -m tests.docs.browse "$@"
