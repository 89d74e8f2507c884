"""What TensorBoard would show, read back from its event files."""

from pathlib import Path


def logged(folder: Path, tag: str) -> list[float]:
    """Return a figure, epoch by epoch, from the one event file of a folder."""
    import tensorflow as tf

    (file,) = folder.glob("events.out.tfevents.*")
    values = []
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            if value.tag == tag:
                values.append(float(tf.make_ndarray(value.tensor)))
    return values
