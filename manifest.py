# Freezes the package into a MicroPython firmware: include("path/to/this/manifest.py").
package("mpy_virtio")
