include("../port/manifest.py", viper=True)
