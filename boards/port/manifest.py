options.defaults(viper=False)

freeze("modules")
# What of MicroPython's has none of the same name in modules/asyncio.
package(
    "asyncio",
    ("core.py", "event.py", "funcs.py", "lock.py"),
    base_path="$(MPY_DIR)/extmod",
    opt=3,
)
module("uasyncio.py", base_path="$(MPY_DIR)/extmod/asyncio", opt=3)
include("../../manifest.py", viper=options.viper)
