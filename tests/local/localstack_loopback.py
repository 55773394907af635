"""Runs LocalStack on 127.0.0.1 only.

Its web server takes the port of GATEWAY_LISTEN and forgets the host, so it would listen on every interface. Run with
the interpreter of LocalStack's virtual environment.
"""

import functools

from twisted.internet import endpoints

endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")

from localstack.runtime.main import main  # noqa: E402  the patch must be first

main()
