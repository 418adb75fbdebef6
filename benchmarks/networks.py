"""A training step and an inference step of a network, ours and PyTorch's.

Images and labels start as NumPy arrays, and logits end as such. For PyTorch the
images are converted once, outside of the timing.
"""


def ours(model, optimizer, images, labels):
    """Returns the two steps of a Keras model that outputs logits."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss)
    return {
        "training": lambda: model.train_on_batch(images, labels),
        "inference": lambda: model.predict_on_batch(images),
    }


def plain(network, optimizer, images, labels):
    """Returns the same two steps of a PyTorch module."""
    import torch

    images = torch.tensor(images).permute(0, 3, 1, 2).contiguous()
    labels = torch.tensor(labels)

    def training():
        network.train()
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def inference():
        network.eval()
        with torch.no_grad():
            return network(images).numpy()

    return {"training": training, "inference": inference}
