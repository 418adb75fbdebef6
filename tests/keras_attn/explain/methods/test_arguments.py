import inspect

from keras_attn.explain import ClassActivationMap
from keras_attn.explain.methods.arguments import MapArguments


def test_type_checkers_know_what_is_given_by_name_only():
    parameters = inspect.signature(ClassActivationMap.__init__).parameters
    named = {n for n, p in parameters.items() if p.kind.name == "KEYWORD_ONLY"}
    assert MapArguments.__annotations__.keys() == named
