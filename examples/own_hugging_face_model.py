"""For someone with a Hugging Face model: does it convert, what does it lose, and what would it cost?

    python examples/own_hugging_face_model.py [FOLDER or HUB NAME]

Without an argument a small DistilBERT with random weights stands in, so that nothing is fetched.
"""

import sys

import torch
from transformers import AutoModel, DistilBertConfig, DistilBertModel, PreTrainedModel

import accel_models as am
import approx


def load(name: str | None) -> PreTrainedModel:
    """Return a model from safetensors, or the stand-in."""
    if name is not None:
        return AutoModel.from_pretrained(name, use_safetensors=True).eval()
    torch.manual_seed(0)
    small = DistilBertConfig(
        vocab_size=1000, dim=64, n_heads=4, n_layers=2, hidden_dim=128, initializer_range=0.3
    )
    return DistilBertModel(small).eval()


def tokens(model: PreTrainedModel, batch: int, seed: int) -> dict[str, torch.Tensor]:
    """Return random sentences of 32 tokens; in earnest, take real ones: calibration sees what they reach."""
    draw = torch.Generator().manual_seed(seed)
    return {"input_ids": torch.randint(model.config.vocab_size, (batch, 32), generator=draw)}


@torch.no_grad()
def main(name: str | None = None) -> None:
    """Print the certificate, the closeness at several sizes of tables, and the cost on three machines."""
    model = load(name)
    batches = [tokens(model, 8, seed) for seed in range(4)]
    converted = approx.convert(model, batches[0], calibration=batches)
    print("\n".join(str(converted.program.certificate()).splitlines()[:2]))

    fresh = tokens(model, 16, seed=99)
    expected = model(**fresh).last_hidden_state
    for segments in (4, 8, 16, 32):
        converted.set_approximation(approx.Approximation(segments=segments, bias="least_squares"))
        found = converted(**fresh).last_hidden_state
        cosine = torch.nn.functional.cosine_similarity(found, expected, dim=-1).mean()
        print(f"{segments:3} segments: mean cosine of the hidden states {cosine:.6f}")

    converted.set_approximation(approx.Approximation(segments=16, placement="uniform"))
    workload = converted.workload(batch=1)
    for machine, design in am.PRESETS.items():
        report = am.evaluate(design, workload)
        joule = report.throughput_per_watt
        print(f"{machine:7} {report.latency_s * 1e3:8.3f} ms  {joule:10.0f} inferences/J")


if __name__ == "__main__":
    main(*sys.argv[1:2])
