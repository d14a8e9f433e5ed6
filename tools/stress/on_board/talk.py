# A connection to a host that sends back what it gets, as a stream whose every byte is known.

import socket
import time

import network

SOL_SOCKET = 0xFFF
ON_EVENT = 20
PIECE = 600
MOST_ON_THE_WAY = 4000

STREAM = bytes(range(251)) * 12


class Talker:
    """Sends in the main program, and reads in callbacks only, which do not interrupt each other.

    `sent` and `received` are counts of bytes. Steps without a jump or a call between them are not
    interrupted.
    """

    def __init__(self, port, on_event):
        self.on_event = on_event
        self.sent = self.received = 0
        self.piece = None
        nic = network.LAN()
        nic.active(True)
        while not nic.isconnected():
            time.sleep_ms(1)
        self.stream = socket.socket()
        self.stream.connect(("10.0.2.2", port))
        self.stream.setblocking(False)

    def listen(self, on):
        """Have the callback called, or not any more."""
        self.stream.setsockopt(SOL_SOCKET, ON_EVENT, self.on_event if on else None)

    def talk(self):
        room = MOST_ON_THE_WAY - (self.sent - self.received)
        if room > 0:
            start = self.sent % 251
            piece = STREAM[start : start + random.randrange(1, min(PIECE, room) + 1)]
            try:
                self.sent += self.stream.send(piece)
            except OSError as error:
                if error.errno != 11:
                    report("send", repr(error))

    def hear(self):
        """Take what has come; says whether there was something."""
        if self.piece is None:
            try:
                self.piece = self.stream.recv(PIECE)
            except OSError as error:
                if error.errno != 11:
                    report("recv", repr(error))
                return False
        start = self.received % 251
        if not self.piece or self.piece != STREAM[start : start + len(self.piece)]:
            report("at", self.received, "the host sent", shown(self.piece))
        self.received, self.piece = self.received + len(self.piece), None
        return True

    def settle(self):
        """All that was sent has to come back."""
        end = time.ticks_add(time.ticks_ms(), 25000)
        while self.received < self.sent and time.ticks_diff(end, time.ticks_ms()) > 0:
            if not self.hear():
                time.sleep_ms(1)
        if self.received != self.sent:
            report("sent", self.sent, "bytes, got back", self.received)
