"""Where a model looks: a class activation map a file, and others."""
