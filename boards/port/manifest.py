import os

options.defaults(viper=False)

if os.environ.get("UPSTREAM_MODULES"):
    # These are micropython-lib's, which make has in MPY_LIB_DIR, in the place of ours.
    upstream = ("mip", "ntptime", "requests", "unittest")
    ours = []
    for folder, _, names in os.walk("modules"):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), "modules")
            if name.endswith(".py") and path.removesuffix(".py") not in upstream:
                ours.append(path)
    freeze("modules", ours)
    for name in upstream:
        require(name)
else:
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
