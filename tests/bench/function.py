"""Runs a function's real `bootstrap` once, as Lambda would, and measures the whole process."""

import http.server
import json
import os
import subprocess
import threading
import time


class Failed(Exception):
    """The function answered with an error; its text is the `errorMessage`."""


def tell_end(pid, finished):
    """Sets `finished` when the process ends, without reaping it: its costs are read later."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        pass  # reaped already, because it had answered
    finished.set()


def invoke(bootstrap, variables, event, limit=900, under=()):
    """`under` is a command that the program is started by. Returns (report, cost), where the cost is seconds of wall and CPU and the peak of resident memory in bytes."""
    answers = []
    deadline = int((time.time() + limit) * 1000)

    class RuntimeApi(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        given = False

        def do_GET(self):
            if RuntimeApi.given:  # one event is all there is: the function waits, as between invocations
                threading.Event().wait()
            RuntimeApi.given = True
            self.answer(200, json.dumps(event).encode())

        def do_POST(self):
            answers.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.answer(202, b"{}")
            finished.set()

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    finished = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # the function is killed within a request, as between invocations
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = "127.0.0.1:%d" % server.server_port
    environment = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": address, "AWS_LAMBDA_FUNCTION_NAME": "bench",
                   "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024", **variables}
    begun = time.monotonic()
    process = subprocess.Popen([*under, bootstrap], env=environment, stdout=subprocess.DEVNULL)
    threading.Thread(target=tell_end, args=(process.pid, finished), daemon=True).start()
    finished.wait()
    wall = time.monotonic() - begun
    process.kill()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    server.shutdown()
    if not answers:
        raise Failed("the function's program ended without an answer")
    path, answer = answers[0]
    if not path.endswith("/response"):
        raise Failed(answer["errorMessage"])
    return answer, {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024}
