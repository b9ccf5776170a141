"""
MLflow's own Python client at the tests' service. One JSON request a line on stdin, {"do": command, ...its
arguments}; one JSON answer a line on stdout, {"result": ...} or {"error": ...}.
"""

import getpass
import json
import os
import sys

# What a library prints must not get among the answers: it goes to stderr.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

import mlflow  # noqa: E402
from mlflow.entities import Metric, Param, RunTag, ViewType  # noqa: E402

clients = {}


def client(uri):
    if uri not in clients:
        clients[uri] = mlflow.MlflowClient(tracking_uri=uri)
    return clients[uri]


def number(value):
    """JSON has no word for these; the tests' side reads MLflow's REST spelling of them."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def about():
    return {"version": mlflow.__version__, "user": getpass.getuser()}


def experiments(uri):
    return [
        {
            "id": found.experiment_id,
            "name": found.name,
            "artifactLocation": found.artifact_location,
            "lifecycleStage": found.lifecycle_stage,
            "creationTime": found.creation_time,
        }
        for found in client(uri).search_experiments(view_type=ViewType.ALL)
    ]


def runs(uri):
    ids = [experiment["id"] for experiment in experiments(uri)]
    return [read_run(uri, run) for run in client(uri).search_runs(ids, run_view_type=ViewType.ALL)]


def run(uri, run_id):
    return read_run(uri, client(uri).get_run(run_id))


def read_run(uri, found):
    info, data = found.info, found.data
    history = [point for key in data.metrics for point in client(uri).get_metric_history(info.run_id, key)]
    return {
        "id": info.run_id,
        "experimentId": info.experiment_id,
        "name": info.run_name,
        "userId": info.user_id,
        "status": info.status,
        "lifecycleStage": info.lifecycle_stage,
        "startTime": info.start_time,
        "endTime": info.end_time,
        "artifactUri": info.artifact_uri,
        "params": list(data.params.items()),
        "tags": list(data.tags.items()),
        "metrics": [[key, number(value)] for key, value in data.metrics.items()],
        "history": [[point.key, point.step, point.timestamp, number(point.value)] for point in history],
    }


def search_runs(uri):
    """As a notebook reads runs: one row of a data frame each. Cells without a value are left out, metrics that are NaN too."""
    mlflow.set_tracking_uri(uri)
    frame = mlflow.search_runs(search_all_experiments=True)
    return [{column: cell(value) for column, value in row.items() if there(value)} for row in frame.to_dict("records")]


def there(value):
    # pandas: None, NaN or NaT where a run has nothing in a column.
    return value is not None and value == value


def cell(value):
    return value.value // 1_000_000 if hasattr(value, "tzinfo") else value


def find_runs(uri, experiment, query):
    """Ids of the runs that a search of MLflow's finds."""
    found = client(uri).get_experiment_by_name(experiment)
    return [run.info.run_id for run in client(uri).search_runs([found.experiment_id], filter_string=query)]


def call(uri, method, arguments):
    """A method of MlflowClient; of what it returns the id."""
    result = getattr(client(uri), method)(**arguments)
    return result.info.run_id if hasattr(result, "info") else result if isinstance(result, str) else None


def log_batch(uri, run_id, params=(), metrics=(), tags=()):
    client(uri).log_batch(
        run_id,
        params=[Param(key, value) for key, value in params],
        metrics=[Metric(key, float(value), timestamp, step) for key, step, timestamp, value in metrics],
        tags=[RunTag(key, value) for key, value in tags],
    )


def fluent(uri, start, environment=None, params=None, params_file=None, metrics=None, tags=None, status="FINISHED"):
    """What a training script does; its run's id. `environment` is there from before the first call."""
    environment = environment or {}
    if uri is not None:
        mlflow.set_tracking_uri(uri)
    os.environ.update(environment)
    try:
        run = mlflow.start_run(**start)
        try:
            if params is not None:
                mlflow.log_params(params)
            if params_file is not None:
                with open(params_file, encoding="utf-8") as file:
                    mlflow.log_params(json.load(file))
            if metrics is not None:
                mlflow.log_metrics(metrics)
            if tags is not None:
                mlflow.set_tags(tags)
        finally:
            mlflow.end_run(status)
        return run.info.run_id
    finally:
        for name in environment:
            os.environ.pop(name, None)


def key_verdicts(keys):
    """For each key whether MLflow takes it for a param."""
    from mlflow.utils.validation import _validate_length_limit, _validate_param_name, MAX_ENTITY_KEY_LENGTH

    def verdict(key):
        try:
            _validate_param_name(key)
            _validate_length_limit("key", MAX_ENTITY_KEY_LENGTH, key)
            return True
        except mlflow.MlflowException:
            return False

    return [verdict(key) for key in keys]


COMMANDS = {
    command.__name__: command
    for command in (about, experiments, runs, run, search_runs, find_runs, call, log_batch, fluent, key_verdicts)
}

for line in sys.stdin.buffer:
    request = json.loads(line)
    try:
        answer = {"result": COMMANDS[request.pop("do")](**request)}
    except Exception as error:
        code = getattr(error, "error_code", None)
        answer = {"error": {"type": type(error).__name__, "code": code, "message": str(error)}}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
