# A mail server for tests: aiosmtpd with a login, TLS, people whom it knows, and a maildir. It runs in the foreground until it is ended.
#
#   python3 server.py DIRECTORY starttls|tls|none PORT
#
# DIRECTORY has cert.pem and key.pem, unless it is none. Mail is written to DIRECTORY/mail, a file each; DIRECTORY/port is there once it answers.
# Mail to nobody@ is refused for good; to later@ for now, until there is a file DIRECTORY/open.
import os, ssl, sys, time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

directory, mode = sys.argv[1], sys.argv[2]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 No such person"
        if address.startswith("later@") and not os.path.exists(os.path.join(directory, "open")):
            return "451 4.3.0 Come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        for to in envelope.rcpt_tos:
            name = os.path.join(directory, "mail", "%d-%s" % (time.monotonic_ns(), to))
            with open(name + ".part", "wb") as f:
                f.write(envelope.content)
            os.rename(name + ".part", name)
        return "250 OK"


def login(server, session, envelope, mechanism, data):
    ok = isinstance(data, LoginPassword) and data.login == b"veritail" and data.password == b"secret"
    return AuthResult(success=ok)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
if mode != "none":
    context.load_cert_chain(os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem"))
os.makedirs(os.path.join(directory, "mail"), exist_ok=True)
kind = {
    "starttls": dict(tls_context=context, require_starttls=True, authenticator=login, auth_required=True),
    "tls": dict(ssl_context=context, authenticator=login, auth_required=True, auth_require_tls=False),
    "none": dict(),
}[mode]
port = int(sys.argv[3])
Controller(Handler(), hostname="127.0.0.1", port=port, **kind).start()
with open(os.path.join(directory, "port.part"), "w") as f:
    f.write(str(port))
os.rename(os.path.join(directory, "port.part"), os.path.join(directory, "port"))
sys.stdin.read()  # until the test ends
os._exit(0)  # its connections are not waited for
