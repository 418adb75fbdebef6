"""What the tasks share: commands, data, resumable training, reports."""
