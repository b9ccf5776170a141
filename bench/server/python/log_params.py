"""The ways that MLflow's own client has to log params, by the clock.

Takes JSON as its argument, {"uri", "sync", "async", "buffered", "batches"} (the last four: how many calls), and prints
JSON: for each way its calls, the seconds until everything is in the store, the microseconds that each call took, and
the runs with their rows.
"""

import json
import os
import sys
import time

import mlflow
from mlflow.entities import Param

ROWS_A_BATCH = 100


def params(count):
    return [(f"group_{i % 20}.option_{i}", (i * 0x9E3779B1 % 2**32) / 2**32) for i in range(count)]


def measure(rows, log, land):
    """`log` is called for each row; `land` is given what the calls returned and waits until all is stored."""
    micros = []
    returned = []
    start = time.perf_counter()
    before = start
    for row in rows:
        returned.append(log(*row))
        now = time.perf_counter()
        micros.append((now - before) * 1e6)
        before = now
    land(returned)
    return {"calls": len(rows), "seconds": time.perf_counter() - start, "micros": micros}


def in_run(count, log, land):
    run_id = client.create_run("0").info.run_id
    with mlflow.start_run(run_id=run_id):
        # The first call makes threads and connections.
        log("warm", 0)
        land([])
        mlflow.flush_async_logging()
        found = measure(params(count), log, land)
    return {**found, "rows": count, "runs": {run_id: count + 1}}


def nothing_more(_returned):
    pass


def wait_for_each(operations):
    # And not flush_async_logging, which may first wait a second for its thread to look up.
    for operation in operations:
        operation.wait()


def flush(_operations):
    mlflow.flush_async_logging()


def log_later(key, value):
    return mlflow.log_param(key, value, synchronous=False)


def in_batches(count):
    run_ids = [client.create_run("0").info.run_id for _ in range(count + 1)]
    batch = [Param(key, str(value)) for key, value in params(ROWS_A_BATCH)]
    client.log_batch(run_ids[0], params=batch)
    found = measure([(run_id,) for run_id in run_ids[1:]], lambda run_id: client.log_batch(run_id, params=batch), nothing_more)
    return {**found, "rows": count * ROWS_A_BATCH, "runs": dict.fromkeys(run_ids, ROWS_A_BATCH)}


order = json.loads(sys.argv[1])
mlflow.set_tracking_uri(order["uri"])
client = mlflow.MlflowClient()
# MLflow greets on stdout at the end of every run.
answer, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
results = {
    "sync": in_run(order["sync"], mlflow.log_param, nothing_more),
    "async": in_run(order["async"], log_later, wait_for_each),
    "batches": in_batches(order["batches"]),
}
os.environ["MLFLOW_ASYNC_LOGGING_BUFFERING_SECONDS"] = "1"
results["buffered"] = in_run(order["buffered"], log_later, flush)
json.dump(results, answer)
