"""Two boards on one cable, which send each other datagrams; in two terminals:

make run SCRIPT=examples/two_boards.py NET=listen:5000
make run SCRIPT=examples/two_boards.py NET=join:5000
"""

import socket
import time

import network

PORT = 5005
EXCHANGES = 5

nic = network.LAN()
# Nobody gives out addresses here: each makes one of the number of its card.
mac = nic.config("mac")
address = "10.77.{}.{}".format(mac[4], mac[5] or 1)
nic.ifconfig((address, "255.255.0.0", "0.0.0.0", "0.0.0.0"))
print("this board is", address)

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.bind(("0.0.0.0", PORT))
s.settimeout(0.2)

# To all at first: who else is there is not known, nor whether somebody is there yet.
other, number, seen = ("255.255.255.255", PORT), 0, 0
while number < EXCHANGES or seen < EXCHANGES:
    s.sendto("message {} from {}".format(number, address).encode(), other)
    try:
        data, other = s.recvfrom(100)
    except OSError:
        continue
    print(data.decode())
    seen = int(data.split()[1]) + 1
    number = min(number + 1, seen)
# The last one may be waited for over there.
for _ in range(3):
    s.sendto("message {} from {}".format(EXCHANGES, address).encode(), other)
    time.sleep_ms(100)
