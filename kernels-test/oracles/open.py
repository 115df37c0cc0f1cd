"""Opens a file that tilegrad saved with Python's safetensors: python kernels-test/oracles/open.py FILE

Prints its metadata's keys and each tensor's key, type and shape. Needs torch and safetensors (pip install).
"""

import sys

from safetensors import safe_open


def main(path):
    with safe_open(path, "pt") as file:
        print("metadata:", ", ".join(sorted(file.metadata() or {})))
        for key in file.keys():
            tensor = file.get_tensor(key)
            print(f"{key}  {tensor.dtype}  {list(tensor.shape)}")


if __name__ == "__main__":
    main(sys.argv[1])
