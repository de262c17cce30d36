# Runs a program that can open sockets of these families alone, as RestrictAddressFamilies= of systemd has it:
# address-families.py "AF_INET AF_UNIX" node ...
import ctypes
import errno
import os
import socket
import sys

EQUAL = 4
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EAFNOSUPPORT
FAMILIES = range(46)


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
rules = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ALLOW)))
call = seccomp.seccomp_syscall_resolve_name(b"socket")
for family in set(FAMILIES) - {getattr(socket, name) for name in sys.argv[1].split()}:
    of_family = (Comparison * 1)(Comparison(0, EQUAL, family, 0))
    assert seccomp.seccomp_rule_add_array(rules, ctypes.c_uint32(REFUSE), call, 1, of_family) == 0
assert seccomp.seccomp_load(rules) == 0
os.execvp(sys.argv[2], sys.argv[2:])
