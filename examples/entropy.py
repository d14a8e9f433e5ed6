"""Random bytes from the host, and the same request made by hand on transport and queue."""

import mpy_virtio as virtio

print("driver:", virtio.Entropy().read(16).hex())

transport = [t for t in virtio.probe() if t.device_type == 4][0]
with transport:
    transport.begin_init()
    queue = virtio.VirtQueue(transport, 0)
    transport.finish_init()
    buf = bytearray(16)
    length = queue.request((), (buf,))
    print("by hand:", bytes(buf[:length]).hex())
