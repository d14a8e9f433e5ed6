import _startup

_startup.mount_disk()
_startup.start_network()

del _startup
