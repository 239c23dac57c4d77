"""What all training scripts of the detector share: export to ONNX, calibration, figures, manifest, signature."""

import os

# One thread: a model trained again is then the same model, and this machine has others to serve.
os.environ.setdefault("OMP_NUM_THREADS", "1")
