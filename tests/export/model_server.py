"""A stand-in for TF Serving's model server: its rules for requests, on a SavedModel.

The rules are those of its api_rest guide and of util/json_tensor.cc.
"""

import base64
import concurrent.futures
import contextlib
import http.server
import json
import threading

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.python.saved_model import loader_impl
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

JSON_TYPES = {"i": int, "u": int, "f": (int, float), "b": bool}


class ModelServer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """One model; `signatures` are its SignatureDefs."""

    def __init__(self, path, name):
        self.name = name
        self.functions = tf.saved_model.load(str(path)).signatures
        (graph,) = loader_impl.parse_saved_model(str(path)).meta_graphs
        self.signatures = {e: graph.signature_def[e] for e in self.functions}

    def predict(self, request):
        """Return the PredictResponse of a PredictRequest that fits its signature."""
        assert request.model_spec.name == self.name
        endpoint = request.model_spec.signature_name or "serving_default"
        signature = self.signatures[endpoint]
        assert signature.method_name == "tensorflow/serving/predict"
        assert set(request.inputs) == set(signature.inputs)
        tensors = {}
        for key, info in signature.inputs.items():
            assert request.inputs[key].dtype == info.dtype, key
            tensors[key] = tf.constant(tf.make_ndarray(request.inputs[key]))
            assert tf.TensorShape(info.tensor_shape).is_compatible_with(tensors[key].shape), key
        response = predict_pb2.PredictResponse()
        for key, value in self.functions[endpoint](**tensors).items():
            info = signature.outputs[key]
            assert value.dtype == info.dtype
            assert tf.TensorShape(info.tensor_shape).is_compatible_with(value.shape)
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response

    def Predict(self, request, context):
        return self.predict(request)

    def predict_json(self, body):
        """Return the JSON text that answers the JSON text of a request."""
        body = json.loads(body)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.name
        request.model_spec.signature_name = body.get("signature_name", "serving_default")
        inputs = self.signatures[request.model_spec.signature_name].inputs
        assert ("instances" in body) != ("inputs" in body)
        if "instances" in body:
            rows = body["instances"]
            rows = [row if isinstance(row, dict) else {next(iter(inputs)): row} for row in rows]
            assert all(set(row) == set(inputs) for row in rows)
            given = {key: [row[key] for row in rows] for key in inputs}
        else:
            given = body["inputs"]
            given = given if isinstance(given, dict) else {next(iter(inputs)): given}
        for key, info in inputs.items():
            dtype = tf.as_dtype(info.dtype)
            wanted = JSON_TYPES[np.dtype(dtype.as_numpy_dtype).kind]
            assert all(type(v) in np.atleast_1d(wanted) for v in _leaves(given[key])), key
            request.inputs[key].CopyFrom(tf.make_tensor_proto(given[key], dtype))
        outputs = self.predict(request).outputs
        outputs = {key: _as_json(key, tf.make_ndarray(value)) for key, value in outputs.items()}
        if "inputs" in body:
            return json.dumps({"outputs": _alone(outputs)})
        rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
        return json.dumps({"predictions": [_alone(row) for row in rows]})

    @contextlib.contextmanager
    def listening(self):
        """Yield the ports (REST, gRPC) of a server on the loopback interface."""
        answer, path = self.predict_json, f"/v1/models/{self.name}:predict"

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                assert self.path == path
                content = answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_):
                pass

        rest = http.server.HTTPServer(("localhost", 0), Handler)
        threading.Thread(target=rest.serve_forever, daemon=True).start()
        rpc = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(self, rpc)
        port = rpc.add_insecure_port("localhost:0")
        rpc.start()
        try:
            yield rest.server_port, port
        finally:
            rest.shutdown()
            rest.server_close()
            rpc.stop(None)


def _leaves(value):
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def _alone(outputs):
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _as_json(key, value):
    if value.dtype.kind in "OS":
        assert key.endswith("_bytes")  # else the server takes it for text
        return [{"b64": base64.b64encode(file).decode()} for file in value]
    if value.dtype.kind == "f":  # the shortest decimals that stand for the same float32
        return np.vectorize(lambda x: float(str(x)), otypes=[float])(value).tolist()
    return value.tolist()
