"""Trains a published network in Keras on the data that ``quality.py`` hands over; runs in Keras's own environment.

Usage: python quality_keras.py DATA.npz NETWORK fp32|bf16 SEED EPOCHS BATCH

``DATA.npz`` holds codes uint8 (N, L) and targets of the parts train, validation and test. The raw scores of the test rows,
float32 (N, K), go to ``scores.npy`` beside it, and one line of JSON to stdout. The best epoch is that of the lowest validation
loss, as in ``quality.py``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np

import worker_keras

ONE_HOT = np.concatenate([np.eye(4, dtype=np.float32), np.zeros((13, 4), np.float32)])
"""Code to channels: A, C, G, T; everything else (padding) is zeros."""


def network(name: str, *, length: int, outputs: int) -> keras.Model:
    """The network of ``worker_keras.py`` up to its last layer, then raw scores (B, K)."""
    inputs = keras.Input((length, 4))
    features = keras.Model(inputs, worker_keras._body(name, inputs)).layers[-1].input
    return keras.Model(inputs, keras.layers.Dense(outputs, dtype="float32")(features))


def main() -> None:
    """Train, score the test rows and tell."""
    path, name, precision, seed, epochs, batch = sys.argv[1:]
    data = np.load(path)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if precision == "bf16" else "float32")
    keras.utils.set_random_seed(int(seed))
    x = {part: ONE_HOT[data[f"{part}_codes"]] for part in ("train", "validation", "test")}
    y = {part: data[f"{part}_targets"] for part in ("train", "validation")}
    losses = {
        "utr": keras.losses.MeanSquaredError(),
        "danq": keras.losses.BinaryCrossentropy(from_logits=True),
    }
    classes = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    outputs = y["train"].shape[1] if y["train"].ndim == 2 else int(y["train"].max()) + 1
    model = network(name, length=x["train"].shape[1], outputs=outputs)
    model.compile(keras.optimizers.Adam(1e-3), losses.get(name, classes))
    best = keras.callbacks.EarlyStopping("val_loss", patience=int(epochs), restore_best_weights=True)
    started = time.perf_counter()
    history = model.fit(
        x["train"], y["train"], batch_size=int(batch), epochs=int(epochs), verbose=0, callbacks=[best],
        validation_data=(x["validation"], y["validation"]), validation_batch_size=256,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    scores = model.predict(x["test"], batch_size=256, verbose=0).astype(np.float32)
    np.save(Path(path).with_name("scores.npy"), scores)
    found = history.history
    told = {"seconds": seconds, "best_epoch": best.best_epoch + 1, "train": found["loss"], "valid": found["val_loss"]}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
