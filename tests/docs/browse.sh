#!/bin/sh
# Reads the built site in Debian's Chromium, which it installs if there is none.
# Needs: BIN, the folder of the environment's programs. Arguments: those of
# tests/docs/browse.py.
set -eu
if [ ! -x /usr/bin/chromium ]; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium
fi
"$BIN/python" -m pip install --quiet --disable-pip-version-check \
    "playwright>=1.50"
exec "$BIN/python" -m tests.docs.browse "$@"
