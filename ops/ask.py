"""Ask a name server, where there is no `dig`: `python ops/ask.py 127.0.0.1:5300 www.shop.test [TXT]`."""

import sys

import dns.exception
import dns.message
import dns.query


def main() -> int:
    """Ask over UDP, and over TCP where the answer does not fit; print it as `dig` does."""
    if len(sys.argv) not in (3, 4):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    host, _, port = sys.argv[1].rpartition(":")
    question = dns.message.make_query(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "A")
    try:
        answer, _ = dns.query.udp_with_fallback(question, host.strip("[]"), 3.0, int(port))
    except (OSError, dns.exception.DNSException) as error:
        sys.stderr.write(f"{sys.argv[1]} does not answer: {error!r}\n")
        return 3
    sys.stdout.write(f"{answer}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
