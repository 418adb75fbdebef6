"""What a feature map sees."""
