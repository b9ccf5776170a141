"""
What MLflow's own client makes of an environment. Cases come as a JSON list on stdin, each {"uri", "env"}; answers
go as a JSON list to stdout. Nothing is sent: the request is taken where requests would hand it to a connection.
"""

import json
import os
import sys

answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

import requests  # noqa: E402
from databricks.sdk.config import Config  # noqa: E402
from mlflow.utils.credentials import get_default_host_creds  # noqa: E402
from mlflow.utils.rest_utils import get_workspace_client, http_request  # noqa: E402
from mlflow.utils.uri import get_db_info_from_uri  # noqa: E402
from requests.utils import select_proxy  # noqa: E402

KEPT = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONUTF8") if name in os.environ}

seen = {}


def send(session, request, **kwargs):
    seen.update(
        url=request.url,
        authorization=request.headers.get("Authorization"),
        workspace=request.headers.get("X-MLFLOW-WORKSPACE"),
        proxy=select_proxy(request.url, kwargs["proxies"]),
        verify=kwargs["verify"],
        cert=kwargs["cert"],
        timeout=kwargs["timeout"],
        connections=session.get_adapter(request.url)._pool_maxsize,
        respect=session.get_adapter(request.url).max_retries.respect_retry_after_header,
    )
    response = requests.Response()
    response.status_code = 200
    response._content = b"{}"
    response.request = request
    return response


requests.Session.send = send
# It would ask the host what it is.
Config._resolve_host_metadata = lambda self: None


def databricks(uri):
    profile = get_db_info_from_uri(uri)[0] or os.environ.get("DATABRICKS_CONFIG_PROFILE")
    config = get_workspace_client.__wrapped__(False, None, None, profile).config
    return {
        "host": config.host,
        "authorization": config.authenticate().get("Authorization"),
        "organization": config.workspace_id,
    }


def answer(case):
    os.environ.clear()
    os.environ.update({**KEPT, **case["env"]})
    seen.clear()
    # Pools are cached by what they were made with, and the pool's size is not part of that.
    from mlflow.utils.request_utils import _cached_get_request_session

    _cached_get_request_session.cache_clear()
    try:
        if case["uri"].startswith("databricks"):
            return databricks(case["uri"])
        creds = get_default_host_creds(case["uri"])
        http_request(creds, "/call", "POST", json={})
        return {
            **seen,
            "username": creds.username,
            "password": creds.password,
            "token": creds.token,
            "ignore_tls_verification": creds.ignore_tls_verification,
            "server_cert_path": creds.server_cert_path,
            "client_cert_path": creds.client_cert_path,
        }
    except Exception as error:
        return {"error": type(error).__name__ + ": " + str(error)}


json.dump([answer(case) for case in json.load(sys.stdin)], answers)
answers.close()
