"""What Prometheus makes of a scrape."""

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(text: str) -> Samples:
    """Return every sample by its name and labels; a sample that comes twice is an error."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples of a name that have these labels, 0 where there is none."""
    wanted = set(labels.items())
    return sum(v for (n, own), v in samples.items() if n == name and wanted <= own)
