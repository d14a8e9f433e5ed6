"""What QEMU says of a device's queues and memory, and asks about the device."""

import logging
import os
import select
import socket
from contextlib import suppress

from virtboard.vhost_user import protocol
from virtboard.vhost_user.memory import DriverError, Memory
from virtboard.vhost_user.protocol import ProtocolError, Request

log = logging.getLogger("vhost_user")

_PROTOCOL_FEATURES = protocol.MQ | protocol.REPLY_ACK
_WITH_CONFIG = protocol.BACKEND_REQ | protocol.CONFIG_SPACE


class Connection:
    """QEMU at the other end of the socket `connection`, and `device`, which it asks.

    `watch(fd, function)` is to call the function whenever the file descriptor can be read, until
    `forget(fd)`.
    """

    def __init__(self, device, connection, watch, forget):
        self.socket = connection
        self._device = device
        self._watch = watch
        self._forget = forget
        self._memory = Memory()
        self._protocol_features = 0
        self._upcalls = None
        # Queues of which the device was told that they have started.
        self._started = set()
        device.connected(self._tell_of_config)

    def serve(self):
        """Do what the next message says; returns whether QEMU is still there.

        Raises ProtocolError for a message that makes no sense.
        """
        message = protocol.receive(self.socket)
        if message is None:
            return False
        try:
            payload = self._answer(message)
            if payload is not None:
                protocol.reply(self.socket, message.request, payload)
        except ConnectionError:
            return False
        finally:
            message.close_fds()
        return True

    def _answer(self, message):
        """What is to be sent back, or None."""
        answer = _ANSWERS.get(message.request)
        if answer is None:
            raise ProtocolError(f"request {message.request} is unknown")
        failed = 0
        payload = None
        try:
            payload = answer(self, message)
        except DriverError as error:
            # Of one queue, which does not start; the others are not hurt.
            log.error("%s", error)
            failed = 1
        if payload is None and message.needs_reply:
            if self._protocol_features & protocol.REPLY_ACK:
                return protocol.NUMBER.pack(failed)
        return payload

    def is_over(self):
        """Whether QEMU has hung up."""
        # Whatever it had to say before that.
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    def close(self):
        """Stop all queues, and hang up."""
        for queue in self._device.queues:
            self._stop(queue)
            self._close_fd(queue, "call")
            # Whoever comes next says what was not answered.
            queue.forget()
            queue.enabled = False
        if self._upcalls:
            self._upcalls.close()
        self.socket.close()
        self._device.disconnected()

    # Features.

    def _get_features(self, _):
        bits = self._device.features | self._device.ring_features | protocol.PROTOCOL_FEATURES
        return protocol.NUMBER.pack(bits)

    def _set_features(self, message):
        (bits,) = message.unpack(protocol.NUMBER)
        self._device.negotiated = bits & ~protocol.PROTOCOL_FEATURES
        if not bits & protocol.PROTOCOL_FEATURES:
            for queue in self._device.queues:
                queue.enabled = True

    def _get_protocol_features(self, _):
        more = _WITH_CONFIG if self._device.config else 0
        return protocol.NUMBER.pack(_PROTOCOL_FEATURES | more)

    def _set_protocol_features(self, message):
        (self._protocol_features,) = message.unpack(protocol.NUMBER)

    def _get_queue_num(self, _):
        return protocol.NUMBER.pack(self._device.queue_count)

    def _nothing_to_do(self, _):
        pass

    # Memory and queues.

    def _set_mem_table(self, message):
        count, _ = message.unpack(protocol.REGIONS)
        table = message.payload[protocol.REGIONS.size :]
        if len(table) != count * protocol.REGION.size or len(message.fds) != count:
            raise ProtocolError(
                f"{count} regions of RAM in {len(table)} bytes and {len(message.fds)} files"
            )
        self._memory = Memory(zip(protocol.REGION.iter_unpack(table), message.fds))

    def _queue(self, index):
        if index >= len(self._device.queues):
            raise ProtocolError(f"there is no queue {index}")
        return self._device.queues[index]

    def _set_vring_num(self, message):
        index, size = message.unpack(protocol.VRING_STATE)
        self._queue(index).size = size

    def _set_vring_addr(self, message):
        index, _, descriptors, used, available, _ = message.unpack(protocol.VRING_ADDRESSES)
        queue = self._queue(index)
        queue.addresses = ()
        addresses = map(self._memory.guest_address, (descriptors, available, used))
        queue.addresses = tuple(addresses)

    def _set_vring_base(self, message):
        index, base = message.unpack(protocol.VRING_STATE)
        self._queue(index).base = base

    def _get_vring_base(self, message):
        index, _ = message.unpack(protocol.VRING_STATE)
        queue = self._queue(index)
        self._stop(queue)
        return protocol.VRING_STATE.pack(index, queue.base)

    def _set_vring_kick(self, message):
        queue = self._queue_of_fd(message)
        self._stop(queue)
        queue.kick = message.take_fd()
        if queue.kick is None:
            raise ProtocolError(f"queue {queue.index} has no kick, and polling is not for us")
        self._watch(queue.kick, lambda: self._kicked(queue))
        queue.start(self._memory, self._device.negotiated)
        self._started.add(queue)
        self._device.attempt("started", queue)
        self._device.work(queue)

    def _kicked(self, queue):
        # QEMU takes a kick back when it stops a queue.
        with suppress(BlockingIOError):
            if not os.read(queue.kick, protocol.EVENT.size):
                raise ProtocolError(f"the kicks of queue {queue.index} have ended")
        self._device.work(queue)

    def _set_vring_call(self, message):
        queue = self._queue_of_fd(message)
        self._close_fd(queue, "call")
        queue.call = message.take_fd()
        if queue.ring:
            # What was answered meanwhile is not to be missed.
            queue.interrupt()

    def _queue_of_fd(self, message):
        (number,) = message.unpack(protocol.NUMBER)
        for fd in message.fds:
            os.set_blocking(fd, False)
        return self._queue(number & protocol.INDEX)

    def _set_vring_enable(self, message):
        index, enabled = message.unpack(protocol.VRING_STATE)
        queue = self._queue(index)
        queue.enabled = bool(enabled)
        self._device.work(queue)

    def _stop(self, queue):
        queue.stop()
        if queue in self._started:
            self._started.remove(queue)
            self._device.attempt("stopped", queue)
        if queue.kick is not None:
            self._forget(queue.kick)
        self._close_fd(queue, "kick")

    def _close_fd(self, queue, name):
        fd = getattr(queue, name)
        if fd is not None:
            os.close(fd)
            setattr(queue, name, None)

    # The configuration space.

    def _get_config(self, message):
        offset, size = self._place_in_config(message)
        return message.payload[: protocol.CONFIG.size] + self._device.read_config(offset, size)

    def _set_config(self, message):
        offset, size = self._place_in_config(message)
        room = len(self._device.config) - offset
        if room < size:
            log.error("%d bytes at %d are beyond the configuration: left alone", size, offset)
        else:
            data = message.payload[protocol.CONFIG.size :]
            self._device.attempt("write_config", offset, data)

    def _place_in_config(self, message):
        offset, size, _ = message.unpack(protocol.CONFIG)
        if len(message.payload) != protocol.CONFIG.size + size:
            raise ProtocolError(f"{len(message.payload)} bytes for {size} of the configuration")
        return offset, size

    def _set_backend_req_fd(self, message):
        if not message.fds:
            raise ProtocolError("no socket comes for what we ask")
        upcalls = socket.socket(fileno=message.fds[0])
        message.take_fd()
        if self._upcalls:
            self._upcalls.close()
        self._upcalls = upcalls
        upcalls.settimeout(self.socket.gettimeout())

    def _tell_of_config(self):
        if self._upcalls:
            # Should QEMU be gone, it asks when it is back.
            with suppress(OSError):
                protocol.ask(self._upcalls, protocol.BackendRequest.CONFIG_CHANGE)


_ANSWERS = {
    Request.GET_FEATURES: Connection._get_features,
    Request.SET_FEATURES: Connection._set_features,
    Request.SET_OWNER: Connection._nothing_to_do,
    Request.RESET_OWNER: Connection._nothing_to_do,
    Request.SET_MEM_TABLE: Connection._set_mem_table,
    Request.SET_VRING_NUM: Connection._set_vring_num,
    Request.SET_VRING_ADDR: Connection._set_vring_addr,
    Request.SET_VRING_BASE: Connection._set_vring_base,
    Request.GET_VRING_BASE: Connection._get_vring_base,
    Request.SET_VRING_KICK: Connection._set_vring_kick,
    Request.SET_VRING_CALL: Connection._set_vring_call,
    Request.SET_VRING_ERR: Connection._nothing_to_do,
    Request.GET_PROTOCOL_FEATURES: Connection._get_protocol_features,
    Request.SET_PROTOCOL_FEATURES: Connection._set_protocol_features,
    Request.GET_QUEUE_NUM: Connection._get_queue_num,
    Request.SET_VRING_ENABLE: Connection._set_vring_enable,
    Request.SET_BACKEND_REQ_FD: Connection._set_backend_req_fd,
    Request.GET_CONFIG: Connection._get_config,
    Request.SET_CONFIG: Connection._set_config,
}
