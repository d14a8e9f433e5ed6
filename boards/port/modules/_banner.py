import _startup

_startup.list_devices()

del _startup
