"""Requests that TensorFlow Serving sends to a model itself before it gives it to others.

Its file is a TFRecord of ``PredictionLog`` messages. The package that declares these,
tensorflow-serving-api, wants another build of TensorFlow than the one installed here; the few
fields are written as they go over the wire, with the numbers of tensorflow_serving/apis/
prediction_log.proto, predict.proto and model.proto.

References
----------
https://protobuf.dev/programming-guides/encoding/
https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from __future__ import annotations

from collections.abc import Mapping


def warm_up_record(model: str, version: int, signature: str, inputs: Mapping[str, bytes]) -> bytes:
    """Return one record of the file ``assets.extra/tf_serving_warmup_requests``.

    Parameters
    ----------
    model, version, signature : str, int > 0, str. What is asked.
    inputs : mapping of the name of an input to its ``TensorProto``, serialized.
    """
    spec = (
        _nested(1, model.encode())  # ModelSpec.name
        + _nested(2, bytes([1 << 3]) + _varint(version))  # .version, an Int64Value
        + _nested(3, signature.encode())  # .signature_name
    )
    # PredictRequest.inputs, a map: each pair a message of key and value.
    pairs = b"".join(
        _nested(2, _nested(1, name.encode()) + _nested(2, tensor))
        for name, tensor in sorted(inputs.items())
    )
    request = _nested(1, spec) + pairs
    # PredictionLog.predict_log.request
    return _nested(6, _nested(1, request))


def _nested(number: int, content: bytes) -> bytes:
    """Return a field of the wire type 2: its tag, its length and its content."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Return a number, 0 or more, seven bits a byte, the lowest first."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
