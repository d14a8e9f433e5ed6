include("../port/manifest.py")
