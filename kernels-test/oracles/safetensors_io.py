"""Reads and writes safetensors files with numpy alone.

Format: u64 little-endian header length, JSON header padded with spaces to a multiple of 8, then the
tensors' raw little-endian bytes. https://github.com/huggingface/safetensors#format

Tensors are laid out by falling element size, then by name, so that every tensor starts at a
multiple of its element size (a typed array can be laid over the file), and so that the same tensors
always give the same bytes.
"""

import json
import struct

import numpy as np

NUMPY_DTYPE = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U32": np.dtype("<u4"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
TAG = {dtype: tag for tag, dtype in NUMPY_DTYPE.items()}


def write(path, tensors, metadata):
    """Writes `tensors` (name -> numpy array) and `metadata` (str -> str) to `path`."""
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header = {"__metadata__": metadata}
    chunks = []
    offset = 0
    for name in names:
        array = np.asarray(tensors[name])
        data = array.tobytes(order="C")
        header[name] = {
            "dtype": TAG[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        file.writelines(chunks)


def read(path):
    """Returns (tensors, metadata) of the file at `path`; the arrays may be written to."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data[begin:end], NUMPY_DTYPE[entry["dtype"]])
        tensors[name] = array.reshape(entry["shape"]).copy()
    return tensors, metadata
