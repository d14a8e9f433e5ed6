"""Fetch a page by HTTPS, and check who sent it.

    make run SCRIPT=examples/https_client.py QEMU_ARGS="-append https://micropython.org/"

`ca.pem` on the disk has the certificate of the authority to trust; `mcopy -i build/disk.img FILE
::ca.pem` puts one there. Without it, nobody is trusted and nothing is fetched.
"""

import socket
import ssl
import time

import network
import virt

while not network.LAN().isconnected():
    time.sleep_ms(10)

url = virt.bootargs() or "https://micropython.org/"
_, _, place, path = (url + "/").split("/", 3)
host, _, port = place.partition(":")

context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(cafile="/ca.pem")

connection = socket.socket()
connection.connect(socket.getaddrinfo(host, int(port or 443))[0][-1])
# Raises ValueError unless the certificate is good, and is this host's.
stream = context.wrap_socket(connection, server_hostname=host)
print("connected by", stream.cipher())

request = "GET /{} HTTP/1.0\r\nHost: {}\r\n\r\n".format(path[:-1], host)
stream.write(request.encode())
print(stream.readline().decode().strip())
while stream.readline().strip():
    pass
print(len(stream.read()), "bytes")
stream.close()
