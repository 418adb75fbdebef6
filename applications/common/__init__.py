"""Code that the tasks share: commands, data, training, reports."""
