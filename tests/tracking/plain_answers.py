"""Greedy answers with transformers and PEFT alone, in a process without this project.

Usage: ``python -I plain_answers.py REQUEST.json REPLY.json``; see `test_export.py`.
"""

import json
import sys
from pathlib import Path


def main() -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    request = json.loads(Path(sys.argv[1]).read_text())
    replies = {}
    for name in ("adapter", "merged"):
        folder = request[name]
        if name == "adapter":
            model = AutoModelForCausalLM.from_pretrained(
                request["base"],
                dtype=torch.float32,
                quantization_config=BitsAndBytesConfig(
                    load_in_4bit=True,
                    bnb_4bit_quant_type="nf4",
                    bnb_4bit_compute_dtype=torch.float32,
                ),
            ).dequantize()
            model = PeftModel.from_pretrained(model, folder)
        else:
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        answers = []
        for messages in request["chats"]:
            prompt = tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            with torch.inference_mode():
                ids = model.eval().generate(
                    **prompt, do_sample=False, max_new_tokens=request["max_new_tokens"]
                )
            answer = ids[0, prompt["input_ids"].shape[1] :]
            answers.append(tokenizer.decode(answer, skip_special_tokens=True))
        replies[name] = answers
    replies["project"] = sorted(m for m in sys.modules if m.split(".")[0] == "sql_ft")
    Path(sys.argv[2]).write_text(json.dumps(replies))


if __name__ == "__main__":
    main()
