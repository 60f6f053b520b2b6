"""The digit classifier as a list of named layers, and its training.

Where: between the data (make.py) and the ONNX file (export.py).
Adam on the cross entropy of softmax(logits) with label smoothing, a cosine
learning rate, and images moved, turned and scaled a little in every epoch so
that digits drawn by hand in the page are met half way.
"""
import numpy as np

from layers import (BatchNorm, Conv, DepthwiseConv, GlobalAveragePool, Linear, MaxPool2, Relu,
                    Residual)


def conv_bn(name, conv, channels):
    return [(f"{name}/conv", conv), (f"{name}/bn", BatchNorm(channels))]


def network(rng):
    """[N, 1, 8, 8] -> logits [N, 10], about 19,900 weights."""
    body = (conv_bn("residual/a", Conv(rng, 32, 32, 3), 32) + [("residual/a/relu", Relu())]
            + conv_bn("residual/b", Conv(rng, 32, 32, 3), 32))
    return (conv_bn("stem", Conv(rng, 1, 16, 3), 16) + [("stem/relu", Relu())]
            + conv_bn("depthwise", DepthwiseConv(rng, 16, 3), 16) + [("depthwise/relu", Relu())]
            + conv_bn("pointwise", Conv(rng, 16, 32, 1), 32) + [("pointwise/relu", Relu())]
            + [("pool", MaxPool2()), ("residual/add", Residual(body)), ("residual/relu", Relu()),
               ("global_pool", GlobalAveragePool()), ("classifier", Linear(rng, 32, 10))])


def flat(net):
    """Every layer of the network, the insides of residual blocks included."""
    for _, layer in net:
        yield layer
        yield from flat(getattr(layer, "body", []))


def forward(net, x, training=False):
    for _, layer in net:
        x = layer.forward(x, training)
    return x


def augmented(rng, images):
    """Each image resampled bilinearly under its own small rotation, zoom and shift."""
    n, side = len(images), images.shape[-1]
    angle = rng.uniform(-0.2, 0.2, (n, 1, 1))
    zoom = rng.uniform(0.88, 1.12, (n, 1, 1))
    shift = rng.uniform(-1, 1, (2, n, 1, 1))
    c = (side - 1) / 2
    row, col = np.mgrid[0:side, 0:side] - c
    y = zoom * (np.cos(angle) * row - np.sin(angle) * col) + c + shift[0]
    x = zoom * (np.sin(angle) * row + np.cos(angle) * col) + c + shift[1]
    padded = np.pad(images[:, 0], ((0, 0), (2, 2), (2, 2)))
    y, x = np.clip(y + 2, 0, side + 2.999), np.clip(x + 2, 0, side + 2.999)
    y0, x0 = y.astype(int), x.astype(int)
    fy, fx, i = y - y0, x - x0, np.arange(n)[:, None, None]
    top = padded[i, y0, x0] * (1 - fx) + padded[i, y0, x0 + 1] * fx
    low = padded[i, y0 + 1, x0] * (1 - fx) + padded[i, y0 + 1, x0 + 1] * fx
    return (top * (1 - fy) + low * fy).astype(np.float32)[:, None]


def loss_gradient(logits, labels, smoothing):
    """Mean cross entropy and its gradient: (softmax(logits) - target) / N."""
    shifted = logits - logits.max(1, keepdims=True)
    p = np.exp(shifted)
    p /= p.sum(1, keepdims=True)
    target = np.full_like(p, smoothing / p.shape[1])
    target[np.arange(len(labels)), labels] += 1 - smoothing
    return float(-(target * np.log(p + 1e-12)).sum(1).mean()), (p - target) / len(labels)


class Adam:
    """w -= rate * m / (sqrt(v) + eps), with decoupled weight decay on matrices and kernels."""

    def __init__(self, layers, decay):
        self.layers, self.decay, self.step_count = layers, decay, 0
        self.moments = [[(np.zeros_like(w), np.zeros_like(w)) for w in l.weights] for l in layers]

    def step(self, rate):
        self.step_count += 1
        c1, c2 = 1 - 0.9 ** self.step_count, 1 - 0.999 ** self.step_count
        for layer, moments in zip(self.layers, self.moments):
            for w, g, (m, v) in zip(layer.weights, layer.grads, moments):
                m += np.float32(0.1) * (g - m)
                v += np.float32(0.001) * (g * g - v)
                w -= np.float32(rate / c1) * m / (np.sqrt(v / np.float32(c2)) + np.float32(1e-8))
                if w.ndim > 1:
                    w -= np.float32(rate * self.decay) * w


def train(images, labels, seed, epochs, batch=64, peak=4e-3, smoothing=0.05, say=print):
    rng = np.random.default_rng(seed)
    net = network(rng)
    adam = Adam(list(flat(net)), decay=1e-2)
    for epoch in range(epochs):
        rate = peak * min(1, (epoch + 1) / 4) * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        losses = []
        order = rng.permutation(len(images))
        for rows in np.array_split(order, len(order) // batch):
            loss, slope = loss_gradient(forward(net, augmented(rng, images[rows]), True),
                                        labels[rows], smoothing)
            losses.append(loss)
            for _, layer in reversed(net):
                slope = layer.backward(slope)
            adam.step(rate)
        if (epoch + 1) % 10 == 0:
            say(f"epoch {epoch + 1:3d}/{epochs}  loss {np.mean(losses):.4f}")
    return net
