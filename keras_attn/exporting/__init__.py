"""Files that other programs run: any Keras model, written and tried out."""

from keras_attn.exporting.export import export as export
