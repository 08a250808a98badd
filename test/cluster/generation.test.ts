/** How a job answers. The real libraries are tried by `npm run test:ray`; here stand-ins show what it sets. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const JOB = join(import.meta.dirname, '../../runtime/cluster/job');
const PYTHON = 'python3';
const skip = spawnSync(PYTHON, ['--version']).status === 0 ? false : `there is no ${PYTHON}`;

/**
 * The job's Python with stand-ins for the libraries; `Images` is the class of models for text and images.
 * @returns what it printed
 */
function printed(program: string): string {
  const script = `
import sys
from types import ModuleType, SimpleNamespace

def module(name, **content):
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name]).update(content)

class GenerationConfig:
    def __init__(self, **settings):
        vars(self).update(settings)

class Model:
    config = SimpleNamespace(use_cache=True, get_text_config=lambda: None)
    generation_config = GenerationConfig(repetition_penalty=1.3, no_repeat_ngram_size=2)
    def from_pretrained(folder, **_):
        return Model()
    eval = lambda self: self
    to = lambda self, device: self
    modules = named_parameters = lambda self: []

class Around:
    """PEFT's model around a base."""
    def from_pretrained(base, folder, adapter_name):
        return Around()
    named_parameters = lambda self: []

class Images(Model):
    def from_pretrained(folder, **_):
        return Images()

class Config:
    def from_pretrained(folder, **_):
        return SimpleNamespace(model_type=folder)

module("torch", float32=None, bfloat16=None)
module("torch.utils")
module("torch.utils.checkpoint", checkpoint=None)
module("peft", PeftModel=Around)
module("peft.tuners")
module("peft.tuners.lora", LoraLayer=Model)
module("transformers", AutoConfig=Config, AutoModelForCausalLM=Model, AutoModelForImageTextToText=Images, GenerationConfig=GenerationConfig)
from adapters import Adapted
opened = lambda folder: Adapted(folder, [], [], "fp32", "cpu").model
${program}
`;
  const { stdout, stderr, status } = spawnSync(PYTHON, ['-c', script], { cwd: JOB, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } }); // oxfmt-ignore
  assert.equal(status, 0, String(stderr));
  return String(stdout).trim();
}

test('greedy answers have no penalty that the folder of the model asks for', { skip }, () => {
  assert.equal(printed('print(vars(opened("llama").generation_config))'), '{}');
});

test('what computes and is cut is the base that has the adapters, not what PEFT puts around it', { skip }, () => {
  const program = 'print(type(Adapted("llama", [{"name": "a", "folder": "f"}], [], "fp32", "cpu").model).__name__)';
  assert.equal(printed(program), 'Model');
});

test('a model that transformers does not list among the causal ones is opened by its own class', { skip }, () => {
  const program = 'print(*(type(opened(name)).__name__ for name in ["llama", "gemma3", "mistral3"]))';
  assert.equal(printed(program), 'Model Model Images');
});
