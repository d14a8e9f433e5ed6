# Freezes the package into a MicroPython firmware: include("path/to/this/manifest.py"). Where
# MicroPython has a native emitter for the CPU, and mpy-cross is told of it (MPY_CROSS_FLAGS +=
# -march=...), include(..., viper=True) makes the queues fast.
import json

options.defaults(viper=False)

with open("package.json") as file:
    names = [name.removeprefix("mpy_virtio/") for name, _ in json.load(file)["urls"]]
if not options.viper:
    names = [name for name in names if not name.endswith("_viper.py")]
package("mpy_virtio", files=names)
