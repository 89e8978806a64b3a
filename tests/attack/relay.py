"""What stands between a node and its chain endpoint."""
import socket
import threading


class Relay:
    """Takes connections for the node's endpoint; what becomes of one is its heirs' (one)."""

    def __init__(self, target, mode):
        self.target, self.mode, self.open = target, mode, []
        self.server = socket.socket()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(16)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def become(self, mode):
        """From now on, with every connection anew."""
        self.mode = mode
        for s in self.open:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def serve(self):
        while True:
            client, _ = self.server.accept()
            self.open.append(client)
            threading.Thread(target=self.one, args=(client, self.mode), daemon=True).start()
