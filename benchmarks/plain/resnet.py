"""ResNet-50 in plain PyTorch, with the names of torchvision."""

import torch.nn.functional as F
from torch import nn


class Bottleneck(nn.Module):
    """Three convolutions with the stride in the second, then attention."""

    def __init__(self, inputs, filters, stride, attention=None):
        super().__init__()
        outputs = 4 * filters
        self.conv1 = nn.Conv2d(inputs, filters, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.conv3 = nn.Conv2d(filters, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.attention = attention(outputs, None) if attention else None
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        if self.attention is not None:
            y = self.attention(y)
        y += x if self.downsample is None else self.downsample(x)
        return F.relu(y, inplace=True)


class ResNet50(nn.Module):
    """Outputs logits. `attention` is a class that ignores the map size."""

    def __init__(self, classes=1000, attention=None):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for stage, count in enumerate((3, 4, 6, 3)):
            filters, blocks = 64 << stage, []
            for i in range(count):
                stride = 2 if i == 0 and stage else 1
                block = Bottleneck(inputs, filters, stride, attention)
                blocks.append(block)
                inputs = 4 * filters
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.max_pool2d(x, 3, 2, 1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
