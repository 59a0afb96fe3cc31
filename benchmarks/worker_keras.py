"""The published networks in Keras 3 on TensorFlow, in an environment of its own; commands as in ``worker_ours.py``."""

from __future__ import annotations

import os
import sys
import time
from functools import cache

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

SHAPES = {
    "source": (80, 4, 512, 8192),
    "multiscale": (200, 1, 256, 8192),
    "utr": (70, 1, 256, 8192),
    "danq": (1000, 919, 64, 512),
}
"""Bases, outputs, batch, rows; as in ``published.py``."""
LOSSES = {
    "source": "sparse_categorical_crossentropy",
    "multiscale": "binary_crossentropy",
    "utr": "mse",
    "danq": "binary_crossentropy",
}


def _body(name: str, x):  # type: ignore[no-untyped-def]
    if name == "source":
        x = layers.MaxPooling1D(2)(layers.Conv1D(512, 20, padding="same", activation="relu")(x))
        x = layers.Dense(256, activation="relu")(layers.Flatten()(layers.Dropout(0.2)(x)))
        return layers.Dense(4, activation="softmax", dtype="float32")(layers.Dropout(0.1)(x))
    if name == "utr":
        for _ in range(3):
            x = layers.Dropout(0.15)(layers.Conv1D(128, 13, padding="valid", activation="relu")(x))
        return layers.Dense(1, dtype="float32")(layers.Dense(64, activation="relu")(layers.Flatten()(x)))
    if name == "danq":
        x = layers.Dropout(0.2)(layers.MaxPooling1D(13)(layers.Conv1D(320, 26, activation="relu")(x)))
        x = layers.Dropout(0.5)(layers.Bidirectional(layers.LSTM(320, return_sequences=True))(x))
        return layers.Dense(919, activation="sigmoid", dtype="float32")(
            layers.Dense(925, activation="relu")(layers.Flatten()(x))
        )
    pooled = []
    for width in (3, 7, 15, 25):
        h = layers.Dropout(0.2)(
            layers.BatchNormalization()(layers.Conv1D(64, width, padding="same", activation="relu")(x))
        )
        weights = layers.Softmax(axis=1)(layers.Dense(1, activation="tanh")(h))
        pooled.append(layers.GlobalMaxPooling1D()(layers.Multiply()([h, weights])))
    x = layers.Concatenate()(pooled)
    for units, rate in ((256, 0.5), (128, 0.3)):
        x = layers.Dropout(rate)(layers.BatchNormalization()(layers.Dense(units, activation="relu")(x)))
    return layers.Dense(1, activation="sigmoid", dtype="float32")(x)


@cache
def _model(name: str, precision: str) -> keras.Model:
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if precision == "bf16" else "float32")
    keras.utils.set_random_seed(1)
    inputs = keras.Input((SHAPES[name][0], 4))
    model = keras.Model(inputs, _body(name, inputs))
    model.compile(keras.optimizers.Adam(1e-3), LOSSES[name])
    return model


@cache
def _data(name: str) -> tuple[np.ndarray, np.ndarray]:
    length, outputs, _, rows = SHAPES[name]
    rng = np.random.default_rng(0)
    x = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (rows, length))]
    if name == "source":
        return x, rng.integers(0, outputs, rows)
    return x, (rng.random((rows, outputs)) < (0.02 if name == "danq" else 0.5)).astype(np.float32)


class _Clock(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):  # type: ignore[no-untyped-def]
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):  # type: ignore[no-untyped-def]
        self.seconds.append(time.perf_counter() - self.started)


def train(name: str, precision: str) -> float:
    """Samples/s of the better of two epochs of ``fit``; the first call trains one more to warm up."""
    x, y = _data(name)
    model, clock = _model(name, precision), _Clock()
    epochs = 2 if model.optimizer.built and int(model.optimizer.iterations) else 3
    model.fit(x, y, batch_size=SHAPES[name][2], epochs=epochs, verbose=0, callbacks=[clock])
    return len(x) / min(clock.seconds[-2:])


def predict(name: str, precision: str) -> float:
    """Samples/s of ``predict``."""
    x, _ = _data(name)
    model = _model(name, precision)
    model.predict(x[:512], batch_size=SHAPES[name][2], verbose=0)
    started = time.perf_counter()
    model.predict(x, batch_size=SHAPES[name][2], verbose=0)
    return len(x) / (time.perf_counter() - started)


def main() -> None:
    """Answer until stdin ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        way, name, precision = line.split()
        print({"train": train, "predict": predict}[way](name, precision), flush=True)


if __name__ == "__main__":
    main()
