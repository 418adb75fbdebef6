"""Shows what feature maps of ZF-Net and VGG16 respond to."""
