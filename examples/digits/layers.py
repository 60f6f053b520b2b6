"""Layers with hand-written gradients, in numpy, for the digit classifier.

Where: used by train.py and read by export.py; not needed at run time.
Tensors are float32 [N, C, H, W]. Every layer has
    forward(x, training) -> y      and      backward(dy) -> dx,
lists its trainable arrays in `weights` and leaves their gradients in `grads`.
Convolutions have stride 1 and "same" zero padding: y = sum_k W[k] * x[k].
"""
import numpy as np


def windows(x, k):
    """[N, C, H, W] -> view [N, C, H, W, k, k] of the k x k patch around each pixel."""
    p = k // 2
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    return np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 3))


class Layer:
    weights: tuple = ()
    grads: tuple = ()


class Conv(Layer):
    """Dense convolution without bias, weight [M, C, k, k]: the matrix form of im2col."""

    def __init__(self, rng, cin, cout, k):
        spread = np.sqrt(2.0 / (cin * k * k))
        self.weights = (rng.normal(0, spread, (cout, cin, k, k)).astype(np.float32),)
        self.groups = 1

    def forward(self, x, training):
        w = self.weights[0]
        n, c, h, wd = x.shape
        self.shape, k = x.shape, w.shape[2]
        self.rows = windows(x, k).transpose(0, 2, 3, 1, 4, 5).reshape(n * h * wd, c * k * k)
        y = self.rows @ w.reshape(len(w), -1).T
        return y.reshape(n, h, wd, -1).transpose(0, 3, 1, 2)

    def backward(self, dy):
        w = self.weights[0]
        rows = dy.transpose(0, 2, 3, 1).reshape(-1, len(w))
        self.grads = ((rows.T @ self.rows).reshape(w.shape),)
        # The gradient of the input is a convolution with the flipped, transposed kernel.
        n, c, h, wd = self.shape
        flipped = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3).reshape(c, -1)
        k = w.shape[2]
        cols = windows(dy, k).transpose(0, 2, 3, 1, 4, 5).reshape(n * h * wd, -1)
        return (cols @ flipped.T).reshape(n, h, wd, c).transpose(0, 3, 1, 2)


class DepthwiseConv(Layer):
    """One k x k kernel per channel, weight [C, 1, k, k] (ONNX Conv with group = C)."""

    def __init__(self, rng, channels, k):
        spread = np.sqrt(2.0 / (k * k))
        self.weights = (rng.normal(0, spread, (channels, 1, k, k)).astype(np.float32),)
        self.groups = channels

    def forward(self, x, training):
        w = self.weights[0][:, 0]
        self.patches = windows(x, w.shape[1])
        return np.einsum("nchwij,cij->nchw", self.patches, w)

    def backward(self, dy):
        w = self.weights[0][:, 0]
        self.grads = (np.einsum("nchwij,nchw->cij", self.patches, dy)[:, None],)
        return np.einsum("nchwij,cij->nchw", windows(dy, w.shape[1]), w[:, ::-1, ::-1])


class BatchNorm(Layer):
    """y = gamma (x - mean) / sqrt(var + eps) + beta per channel; running moments for inference."""

    eps, momentum = 1e-5, 0.1

    def __init__(self, channels):
        self.weights = (np.ones(channels, np.float32), np.zeros(channels, np.float32))
        self.mean, self.var = np.zeros(channels, np.float32), np.ones(channels, np.float32)

    def forward(self, x, training):
        mean, var = self.mean, self.var
        if training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
            self.mean = self.mean + self.momentum * (mean - self.mean)
            self.var = self.var + self.momentum * (var - self.var)
        self.inv = 1 / np.sqrt(var + np.float32(self.eps))
        self.normal = (x - mean[:, None, None]) * self.inv[:, None, None]
        gamma, beta = self.weights
        return gamma[:, None, None] * self.normal + beta[:, None, None]

    def backward(self, dy):
        dbeta, dgamma = dy.sum((0, 2, 3)), (dy * self.normal).sum((0, 2, 3))
        self.grads = (dgamma, dbeta)
        count = np.float32(dy.size / len(dbeta))
        centred = dy - (dbeta[:, None, None] + self.normal * dgamma[:, None, None]) / count
        return (self.weights[0] * self.inv)[:, None, None] * centred


class Relu(Layer):
    def forward(self, x, training):
        self.alive = x > 0
        return x * self.alive

    def backward(self, dy):
        return dy * self.alive


class MaxPool2(Layer):
    """2 x 2 windows with stride 2; the gradient goes to the first largest element."""

    def forward(self, x, training):
        n, c, h, w = x.shape
        self.shape = x.shape
        cells = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        cells = cells.reshape(n, c, h // 2, w // 2, 4)
        self.where = cells.argmax(-1)[..., None]
        return np.take_along_axis(cells, self.where, -1)[..., 0]

    def backward(self, dy):
        n, c, h, w = self.shape
        cells = np.zeros((*dy.shape, 4), np.float32)
        np.put_along_axis(cells, self.where, dy[..., None], -1)
        cells = cells.reshape(n, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        return cells.reshape(self.shape)


class GlobalAveragePool(Layer):
    """[N, C, H, W] -> [N, C]: the mean over all pixels."""

    def forward(self, x, training):
        self.shape = x.shape
        return x.mean((2, 3))

    def backward(self, dy):
        area = self.shape[2] * self.shape[3]
        return np.broadcast_to((dy / area)[:, :, None, None], self.shape)


class Linear(Layer):
    """y = x W^T + b, weight [M, K], bias [M] (ONNX Gemm with transB = 1)."""

    def __init__(self, rng, cin, cout):
        spread = np.sqrt(1.0 / cin)
        self.weights = (rng.normal(0, spread, (cout, cin)).astype(np.float32),
                        np.zeros(cout, np.float32))

    def forward(self, x, training):
        self.x = x
        return x @ self.weights[0].T + self.weights[1]

    def backward(self, dy):
        self.grads = (dy.T @ self.x, dy.sum(0))
        return dy @ self.weights[0]


class Residual(Layer):
    """y = x + body(x); the body's layers are ordinary members of the network."""

    def __init__(self, body):
        self.body = body

    def forward(self, x, training):
        y = x
        for _, layer in self.body:
            y = layer.forward(y, training)
        return x + y

    def backward(self, dy):
        dx = dy
        for _, layer in reversed(self.body):
            dx = layer.backward(dx)
        return dx + dy
