"""Tasks to run from the command line; `keras_attn` never imports them."""

import sys

# Only while Python locates the module that `-m` names: a program that imports
# these modules keeps its arguments.
if sys.argv[:1] == ["-m"]:
    from applications.common import command

    _module = sys.orig_argv[-len(sys.argv)].removeprefix("-m")
    command.begin(_module, sys.argv[1:])
