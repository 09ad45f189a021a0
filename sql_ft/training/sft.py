"""TRL's trainer, with the head computed only where it counts on a CPU, and no model cards."""

from __future__ import annotations

from typing import Any

from accelerate.data_loader import BatchSamplerShard
from trl import SFTTrainer

from sql_ft.training.dataset import IGNORED


class LeanSFTTrainer(SFTTrainer):  # type: ignore[misc]
    """`trl.SFTTrainer` with three differences.

    On a CPU the language-model head and the loss are computed at the supervised
    positions alone. The value is TRL's (token-mean negative log-likelihood over the
    optimizer step); TRL skips the others only where Triton runs, and elsewhere projects
    every prompt position onto the vocabulary, forwards and backwards.

    Of several processes each draws whole steps; the collator keeps its share (`ranks`).

    Checkpoints carry no README: it would hold a path of this machine.
    """

    def get_train_dataloader(self) -> Any:
        """Return TRL's loader, which deals no batches out to processes."""
        loader = super().get_train_dataloader()
        shard = getattr(loader, "batch_sampler", None)
        if isinstance(shard, BatchSamplerShard):
            shard.num_processes, shard.process_index = 1, 0
        return loader

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the mean loss per supervised token.

        Args:
            model: The PEFT model.
            inputs: ``input_ids``, ``attention_mask``, ``labels``, each ``[batch, length]``.
            return_outputs: Left to TRL.
            num_items_in_batch: Supervised tokens of the optimizer step.
        """
        # Several processes: only the model's own forward pass exchanges gradients or shards.
        together = self.args.world_size > 1 or self.is_fsdp_enabled
        if self.args.device.type != "cpu" or return_outputs or together:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        import torch
        from torch.nn.functional import cross_entropy

        causal = self.accelerator.unwrap_model(model).get_base_model()
        hidden = causal.base_model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            use_cache=False,
        ).last_hidden_state[:, :-1]
        labels = inputs["labels"][:, 1:]
        supervised = labels != IGNORED
        targets = labels[supervised]
        logits = causal.get_output_embeddings()(hidden[supervised]).float()
        count = len(targets) if num_items_in_batch is None else num_items_in_batch
        loss = cross_entropy(logits, targets, reduction="sum") / torch.as_tensor(count).clamp(min=1)

        correct = (logits.argmax(dim=-1) == targets).sum()
        share = (correct / max(len(targets), 1)).item()
        self._metrics["train"]["mean_token_accuracy"].append(share)
        self._total_train_tokens += int(inputs["attention_mask"].sum())
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        return loss

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""
