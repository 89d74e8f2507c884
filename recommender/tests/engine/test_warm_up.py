"""What TensorFlow Serving sends itself first, as the package tensorflow-serving-api writes it."""

from recommender.engine.warm_up import warm_up_record

# PredictionLog(predict_log=PredictLog(request=PredictRequest(model_spec=ModelSpec(
#     name="predicted_stars", version=Int64Value(value=300), signature_name="serving_default"),
#     inputs={"books": make_tensor_proto([[5, 300]], int64), "rated_stars":
#     make_tensor_proto([[4]], float32)}))).SerializeToString(deterministic=True),
# tensorflow-serving-api 2.21.0.
BOOKS = bytes.fromhex("080912081202080112020802221005000000000000002c01000000000000")
STARS = bytes.fromhex("08011208120208011202080" + "12a0400008040")
WANTED = bytes.fromhex(
    "32770a750a270a0f7072656469637465645f7374617273120308ac021a0f73657276696e675f64656661756c74"
    "12270a05626f6f6b73121e080912081202080112020802221005000000000000002c01000000000000"
    "12210a0b72617465645f737461727312120801120812020801120208012a0400008040"
)


def test_a_record_is_the_message_that_tensorflow_serving_declares() -> None:
    inputs = {"rated_stars": STARS, "books": BOOKS}
    assert warm_up_record("predicted_stars", 300, "serving_default", inputs) == WANTED


def test_a_long_tensor_has_a_long_length() -> None:
    """70,000 is 11 in the lowest seven bits, 34 in the next, and 4: e2 is 34 and a bit for more."""
    record = warm_up_record("m", 1, "s", {"books": b"\x00" * 70_000})
    assert bytes.fromhex("0a05" + b"books".hex() + "12f0a204") + b"\x00" * 70_000 in record
