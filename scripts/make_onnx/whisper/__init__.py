"""Whisper as the hub has it: an encoder and a decoder in ONNX, from weights in CTranslate2's format or random ones."""
