"""Makes the bundled example: model.onnx, calib.npz and test.npz.

Not needed at run time: the three files are committed. To make them again,
    pip install -r requirements.txt && python make.py
Data: scikit-learn's 8x8 digits, 1797 rows of pixels 0..16, divided by 16.
Split, fixed by the seed and stratified by digit: 450 test rows that training never
sees, 1347 training rows, 128 of which are the calibration rows.
"""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread: the same sums in the same order
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import onnxruntime
from sklearn.datasets import load_digits

import export
import train

SEED, EPOCHS, TEST_ROWS, CALIBRATION_ROWS = 8, 80, 450, 128
HERE = Path(__file__).parent


def stratified(rng, labels, count):
    """Picks `count` rows with every label's share kept to within one row."""
    shuffled = rng.permutation(len(labels))
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    picks = ((np.arange(count) + 0.5) * len(labels) / count).astype(int)
    return rng.permutation(by_label[picks])


def load():
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    return images, digits.target.astype(np.int64)


def accuracy(model_bytes, images, labels):
    session = onnxruntime.InferenceSession(model_bytes, providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], {"input": images})[0]
    return logits, float((logits.argmax(1) == labels).mean())


def main():
    images, labels = load()
    rng = np.random.default_rng(SEED)
    test = stratified(rng, labels, TEST_ROWS)
    rest = np.setdiff1d(np.arange(len(labels)), test)
    calib = rest[stratified(rng, labels[rest], CALIBRATION_ROWS)]

    net = train.train(images[rest], labels[rest], SEED, EPOCHS)
    model = export.to_onnx(net)
    (HERE / "model.onnx").write_bytes(model)
    np.savez_compressed(HERE / "calib.npz", input=images[calib])
    np.savez_compressed(HERE / "test.npz", input=images[test], labels=labels[test])

    logits, on_test = accuracy(model, images[test], labels[test])
    drift = np.abs(logits - train.forward(net, images[test])).max()
    _, on_train = accuracy(model, images[rest], labels[rest])
    weights = sum(w.size for layer in train.flat(net) for w in layer.weights)
    print(f"model.onnx {len(model)} bytes, {weights} weights")
    print(f"largest difference between numpy and onnxruntime logits: {drift:.2e}")
    print(f"float accuracy, onnxruntime: train {on_train:.2%} of {len(rest)}, "
          f"test {on_test:.2%} of {len(test)}")
    assert drift < 1e-4 and on_test >= 0.97


if __name__ == "__main__":
    main()
