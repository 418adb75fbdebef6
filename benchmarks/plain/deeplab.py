"""DeepLab-LargeFOV and attention to scale in plain PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn


def convolution(inputs, outputs, size=3, rate=1):
    """Returns a convolution that keeps the size of its input."""
    padding = rate * (size // 2)
    return nn.Conv2d(inputs, outputs, size, padding=padding, dilation=rate)


class LargeFOV(nn.Sequential):
    """Outputs `fc7` at an eighth of the image size."""

    def __init__(self, average=False, last_relu=True):
        layers, channels = [], 3
        stages = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
        for stage, (filters, count) in enumerate(stages):
            for _ in range(count):
                rate = 2 if stage == 4 else 1
                layers.append(convolution(channels, filters, rate=rate))
                layers.append(nn.ReLU(inplace=True))
                channels = filters
            layers.append(nn.MaxPool2d(3, 2 if stage < 3 else 1, padding=1))
        if average:
            layers.append(nn.AvgPool2d(3, 1, padding=1))
        layers += [convolution(channels, 1024, rate=12), nn.ReLU(inplace=True)]
        layers += [nn.Dropout2d(0.5), convolution(1024, 1024, 1)]
        if last_relu:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers, nn.Dropout2d(0.5))


class AttentionToScale(nn.Module):
    """Merges scales at the image size, as a known implementation does.

    Features are resized to the image size before the attention, and each scale
    has its own 3x3 classifier with a ReLU.
    """

    def __init__(self, scales=(1, 0.5), classes=21):
        super().__init__()
        self.scales = scales
        self.backbone = LargeFOV(last_relu=False)
        self.classifiers = nn.ModuleList(
            convolution(1024, classes) for _ in scales
        )
        self.hidden = convolution(1024 * len(scales), 512)
        self.weights = convolution(512, len(scales), 1)

    def forward(self, x):
        size = x.shape[2:]
        features, scores = [], []
        for scale, classify in zip(self.scales, self.classifiers, strict=True):
            scaled = [int(side * scale) for side in size]
            feature = self.backbone(resize(x, scaled))
            features.append(resize(feature, size))
            scores.append(resize(F.relu(classify(feature)), size))
        hidden = F.relu(self.hidden(torch.cat(features, 1)))
        hidden = F.dropout2d(hidden, 0.5, self.training)
        weights = self.weights(hidden).softmax(1)
        return sum(
            score * weights[:, i : i + 1] for i, score in enumerate(scores)
        )


class PaperAttentionToScale(nn.Module):
    """Merges at an eighth of the image size, with one classifier."""

    def __init__(self, scales=(1, 0.75, 0.5), classes=21):
        super().__init__()
        self.scales = scales
        self.backbone = LargeFOV()
        self.classifier = convolution(1024, classes, 1)
        self.hidden = convolution(1024 * len(scales), 512)
        self.weights = convolution(512, len(scales), 1)

    def forward(self, x):
        features, scores = [], []
        for scale in self.scales:
            scaled = [int((side - 1) * scale) + 1 for side in x.shape[2:]]
            features.append(self.backbone(resize(x, scaled)))
            scores.append(self.classifier(features[-1]))
        size = features[0].shape[2:]
        together = torch.cat([resize(each, size) for each in features], 1)
        hidden = F.relu(self.hidden(together))
        hidden = F.dropout(hidden, 0.5, self.training)
        weights = self.weights(hidden).softmax(1)
        merged = sum(
            resize(score, size) * weights[:, i : i + 1]
            for i, score in enumerate(scores)
        )
        return merged, *scores


def resize(x, size):
    """Resizes bilinearly with aligned corners."""
    return F.interpolate(x, size, mode="bilinear", align_corners=True)
