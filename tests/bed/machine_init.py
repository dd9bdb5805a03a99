"""Process 1 of a machine of the bed: reaps orphans, and keeps the log of the machine.

Whatever is sent to /dev/log goes to /var/log/syslog, one line per message.
"""

import os
import signal
import socket

# The kernel reaps the children of a parent that ignores SIGCHLD, adopted ones too.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
messages.bind("/dev/log")
os.chmod("/dev/log", 0o666)
log = os.open("/var/log/syslog", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
os.write(1, b"ready\n")
while True:
    os.write(log, messages.recv(65536).rstrip(b"\0\n") + b"\n")
