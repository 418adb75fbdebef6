"""A data set whose batches have different shapes."""

import keras


class Batches(keras.utils.PyDataset):
    """The given batches in order, each as `fit` or `predict` expects it."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]
