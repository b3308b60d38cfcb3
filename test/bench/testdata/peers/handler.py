"""The same functions in Python, on the Runtime API itself, with the standard library only."""

import http.client
import json
import os


def parity(event):
    return {"parity": "even" if event["number"] % 2 == 0 else "odd"}


def records(event):
    return {"n": len(event["records"]), "total": sum(r["amount"] for r in event["records"])}


def rows(event):
    return [{"id": i, "half": i / 2, "name": "row"} for i in range(1, event["n"] + 1)]


def pid(event):
    return {"pid": os.getpid()}


def main():
    handler = globals()[os.environ["_HANDLER"].split(".")[-1]]
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation/"
    while True:
        api.request("GET", base + "next")
        response = api.getresponse()
        event = json.loads(response.read())
        result = json.dumps(handler(event), separators=(",", ":"))
        api.request("POST", base + response.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", result)
        api.getresponse().read()


main()
