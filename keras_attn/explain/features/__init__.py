"""What excites a feature map: DeconvNet and top activations."""
