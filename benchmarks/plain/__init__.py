"""The subjects as one writes them in plain PyTorch, as they were published.

Their parameters have the published names, so that our layers load them, and
what is compared is seen to give the same numbers.
"""
