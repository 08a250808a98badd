/** What each device that onnxruntime computes on needs and cannot do: the next one is an entry here. */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Device } from '../contract/recipeWords.js';

/**
 * How batches are computed in pieces: by Scans, by a graph that has the nodes of each piece (which is loaded for each
 * number of pieces, and needs weights that sessions share), or not at all.
 */
export type Piecewise = 'scans' | 'unrolled' | 'whole';

interface DeviceEntry {
  /** Why it is not there, found without asking onnxruntime, which prints past us; undefined where it may be. */
  missing(): string | undefined;
  /** What onnxruntime says where it finds none, in plain words. */
  readonly absent: { readonly pattern: RegExp; readonly words: string };
  /** What to do where it is asked for and not there. */
  readonly remedy: string;
  /** Whether `auto` tries it. */
  readonly auto: boolean;
  /** Most outputs of one Split: a shader binds few buffers. */
  readonly maxSplitOutputs: number;
  readonly pieces: Piecewise;
  /** Whether a graph may have a LogSoftmax. */
  readonly logSoftmax: boolean;
  /** Whether sine and cosine are exact for large angles. */
  readonly exactAngles: boolean;
  /** Whether outputs can stay on the device. */
  readonly keeps: boolean;
}

const NEVER = /(?!)/;
/** A shader may bind at least 8 buffers (WebGPU's default limit); one is the input. */
const MAX_SPLIT_OUTPUTS = 7;

/** What a device can that runs graphs as the CPU does. */
const ALL = { maxSplitOutputs: Infinity, pieces: 'scans', logSoftmax: true, exactAngles: true, keeps: false } as const;

export const DEVICES: Readonly<Record<Device, DeviceEntry>> = {
  cpu: {
    missing: () => undefined,
    absent: { pattern: NEVER, words: '' },
    remedy: '',
    auto: true,
    ...ALL,
  },
  webgpu: {
    missing: () => (vulkanLoads() ? undefined : 'no Vulkan loader (libvulkan.so.1) is installed'),
    absent: {
      pattern: /Failed to get a WebGPU (adapter|device)|WebGPU.*not|no available backend/i,
      words: 'no WebGPU adapter was found',
    },
    remedy: 'Install a Vulkan, D3D12 or Metal driver, or use "device": "cpu".',
    auto: true,
    maxSplitOutputs: MAX_SPLIT_OUTPUTS,
    pieces: 'unrolled',
    logSoftmax: false,
    // Vulkan and Direct3D promise them within 5e-4 and in [−π, π] only, and rotary positions are larger
    exactAngles: false,
    keeps: true,
  },
  cuda: {
    missing() {
      const folder = providerFolder();
      const files = { linux: 'libonnxruntime_providers_cuda.so', win32: 'onnxruntime_providers_cuda.dll' };
      const file = files[process.platform as keyof typeof files];
      if (!file) return 'CUDA is for Linux and Windows';
      return folder !== undefined && existsSync(join(folder, file))
        ? undefined
        : `${file} is not in ${folder ?? "onnxruntime-node's folder of binaries"}`;
    },
    absent: {
      pattern: /no available backend|Failed to load|CUDA driver|no CUDA-capable/i,
      words: 'CUDA does not load',
    },
    remedy:
      'Put the CUDA binaries of this onnxruntime there, and have CUDA and cuDNN on the library path; docs/recipes.md says how. Or use "device": "auto".',
    auto: true,
    ...ALL,
  },
  dml: {
    missing: () => (process.platform === 'win32' ? undefined : 'DirectML is for Windows'),
    absent: { pattern: /no available backend|DML|DXGI|D3D12/i, words: 'DirectML finds no GPU' },
    remedy: 'Use "device": "auto".',
    auto: false,
    ...ALL,
    pieces: 'whole',
  },
};

/** On Linux WebGPU runs on Vulkan; asking without its loader writes warnings past us to stderr. */
function vulkanLoads(): boolean {
  if (process.platform !== 'linux') return true;
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
    return true;
  } catch (error) {
    // a library that loads is no Node addon: that error means it is there
    return !/cannot open shared object file/.test(String(error));
  }
}

/** Where onnxruntime looks for libraries of its providers: beside its own. */
function providerFolder(): string | undefined {
  try {
    const bin = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '../bin');
    const [api] = readdirSync(bin).filter((name) => name.startsWith('napi-'));
    return api === undefined ? undefined : join(bin, api, process.platform, process.arch);
  } catch {
    return undefined;
  }
}
