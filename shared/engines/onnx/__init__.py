"""ONNX models, as folders in the layouts in which they are published: one engine for each kind of job."""
