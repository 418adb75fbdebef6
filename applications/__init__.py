"""Runnable stories, by task; `keras_attn` never imports them."""

import sys

# So it is only while Python looks for the module of `python -m`. Who imports
# these modules keeps his arguments.
if sys.argv[:1] == ["-m"]:
    from applications.common import command

    _module = sys.orig_argv[-len(sys.argv)].removeprefix("-m")
    command.begin(_module, sys.argv[1:])
