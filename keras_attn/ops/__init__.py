"""Mathematical functions of tensors, without weights."""
