"""Saving and loading models: safetensors files with the weights, and the architecture as JSON in the metadata."""

from .load import load_model, load_weights
from .save import save_model, save_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]
