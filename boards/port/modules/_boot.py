import _startup

_startup.mount_disk()

del _startup
