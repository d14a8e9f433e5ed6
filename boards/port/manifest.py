options.defaults(viper=False)

freeze("modules")
include("$(MPY_DIR)/extmod/asyncio")
include("../../manifest.py", viper=options.viper)
