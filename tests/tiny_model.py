"""A random Qwen2 of about 0.2M parameters with its own tokenizer, for tests without network.

`make_tiny_model(folder)` writes what a hub snapshot would hold: config.json,
model.safetensors, tokenizer.json, tokenizer_config.json with a ChatML template.
The weights are random but seeded, so two folders are byte-identical.
"""

from __future__ import annotations

from pathlib import Path

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

CORPUS = (
    "system user assistant You are a SQL expert.",
    "Schema:\nCREATE TABLE employee (employee_id INTEGER, name VARCHAR, salary REAL, age INTEGER)",
    "CREATE TABLE department (department_id INTEGER PRIMARY KEY, name TEXT, budget NUMERIC)",
    "Question: How many employees are older than 56?",
    "Question: List the name of every department whose budget is above the average.",
    "SELECT COUNT(*) FROM employee WHERE age > 56",
    "SELECT name FROM department WHERE budget > (SELECT AVG(budget) FROM department)",
    "SELECT T1.name, SUM(T2.salary) FROM department AS T1 JOIN employee AS T2 "
    "ON T1.department_id = T2.department_id GROUP BY T1.name HAVING COUNT(*) >= 2 "
    'ORDER BY SUM(T2.salary) DESC LIMIT 3 UNION SELECT DISTINCT name FROM t WHERE a = "x"',
)


def make_tiny_model(
    folder: Path, *, seed: int = 0, vocab_size: int = 600, hidden_size: int = 64, layers: int = 2
) -> Path:
    """Write a seeded random Qwen2 and a byte-level BPE tokenizer into `folder`; return it."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = make_tiny_tokenizer(folder, vocab_size=vocab_size)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
        # The default scale (0.02) makes every logit alike; a test of numerics needs contrast.
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.ndim == 2:
                    parameter.normal_(0.0, 0.1 if "embed" in name else 2.0 * hidden_size**-0.5)
    model.generation_config.eos_token_id = [
        tokenizer.eos_token_id,
        tokenizer.convert_tokens_to_ids("<|endoftext|>"),
    ]
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    return folder


def make_tiny_tokenizer(folder: Path, *, vocab_size: int = 600):
    """Train a byte-level BPE on a few SQL lines and save it with a ChatML template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )
    fast.chat_template = CHAT_TEMPLATE
    folder.mkdir(parents=True, exist_ok=True)
    fast.save_pretrained(folder)
    return fast
