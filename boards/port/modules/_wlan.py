"""network.WLAN: the cable, in the shape of the wireless station of a Pico W."""

import network
from micropython import const
from network import AP_IF, STA_IF

_OPEN = const(0)
_WPA_WPA2 = const(0x00400006)
_ADDRESS_SIZE = const(6)

_OTHER_NAMES = {"essid": "ssid", "auth": "security", "password": "key"}


class WLAN:
    """The station, which is network.LAN() to programs that look for a network of any name.

    It is the same object each time. Raises ValueError for an access point, which a cable is not,
    and DeviceNotFound where there is no network card.
    """

    IF_STA = STA_IF
    IF_AP = AP_IF
    SEC_OPEN = _OPEN
    SEC_WPA_WPA2 = _WPA_WPA2
    SEC_WPA3 = 0x01000004
    SEC_WPA2_WPA3 = 0x01400004
    PM_NONE = 0x10
    PM_PERFORMANCE = 0xA11142
    PM_POWERSAVE = 0x11

    _station = None

    def __new__(cls, interface_id=STA_IF):
        if interface_id != STA_IF:
            raise ValueError("the network is a cable: a station, STA_IF, and no access point")
        lan = network.LAN()
        if cls._station is None:
            cls._station = super().__new__(cls)
            cls._station._settings = {
                "ssid": "LAN",
                "security": _OPEN,
                "channel": 1,
                "pm": cls.PM_PERFORMANCE,
                "txpower": 31,
                "antenna": 0,
            }
        if cls._station._lan is not lan:
            cls._station._lan = lan
            cls._station._disconnected = False
        return cls._station

    _lan = None

    def __repr__(self):
        state = ("down", "join", "join", "up")[self.status()]
        return "<WLAN STA {} {}>".format(state, self.ifconfig()[0])

    def active(self, is_active=None):
        """Whether the interface takes part, or have it take part."""
        if is_active is None:
            return self._disconnected or self._lan.active()
        self._disconnected = False
        self._lan.active(is_active)

    def connect(self, ssid=None, key=None, **options):
        """Look for an address, as the cable does anyhow. It does not wait.

        Any `ssid` and any `key` are right, and what other stations take besides.
        """
        if ssid is not None:
            self._settings["ssid"] = ssid if isinstance(ssid, str) else str(ssid, "utf-8")
            self._settings["security"] = _WPA_WPA2 if key else _OPEN
        self.active(True)

    def disconnect(self):
        """Give the address back, until connect()."""
        disconnected = self.active()
        self._lan.active(False)
        self._disconnected = disconnected

    def deinit(self):
        """Take no part any more."""
        self.active(False)

    def isconnected(self):
        """Whether there is a cable, and an address."""
        return self._lan.isconnected()

    def status(self, param=None):
        """One of network.STAT_IDLE, STAT_CONNECTING, 2 (no address) and STAT_GOT_IP.

        With "rssi", the strength of the signal in dBm.
        """
        if param is None:
            return self._lan.status()
        if param == "rssi":
            return 0
        raise ValueError("a station has no status {!r}".format(param))

    def scan(self, **options):
        """The one network there is, if the cable is plugged in.

        It is [(ssid, bssid, channel, rssi, security, how often it was seen)].
        """
        if not self._lan.link():
            return []
        known = self._settings
        name = known["ssid"].encode()
        return [(name, bytes(_ADDRESS_SIZE), known["channel"], 0, known["security"], 1)]

    def ifconfig(self, *args):
        """As of network.LAN."""
        return self._lan.ifconfig(*args)

    def ipconfig(self, *args, **settings):
        """As of network.LAN."""
        return self._lan.ipconfig(*args, **settings)

    def config(self, *names, **settings):
        """One setting by its name, or set some.

        What is only of use in the air (ssid, key, security, channel, pm, txpower, antenna) is kept
        and does nothing. Raises ValueError for a name that is not known.
        """
        if len(names) + bool(settings) != 1:
            raise TypeError("config() takes the name of one setting, or settings by their names")
        if names:
            return self._get(names[0])
        settings = {_OTHER_NAMES.get(name, name): value for name, value in settings.items()}
        for name in settings:
            if name not in self._settings and name not in ("key", "hostname"):
                raise ValueError("there is no setting {!r} to be set".format(name))
        settings.pop("key", None)
        hostname = settings.pop("hostname", None)
        if hostname is not None:
            network.hostname(hostname)
        self._settings.update(settings)

    def _get(self, name):
        name = _OTHER_NAMES.get(name, name)
        if name in self._settings:
            return self._settings[name]
        if name in ("mac", "mtu", "hostname"):
            return self._lan.config(name)
        raise ValueError("there is no setting {!r}".format(name))
