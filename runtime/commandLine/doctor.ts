/** What a bug report needs to know of a machine, and nothing that tells whose it is. */
import { arch, availableParallelism, cpus, freemem, platform, release, totalmem } from 'node:os';
import { openBackend } from '../device/openBackend.js';
import { ONNXRUNTIME } from '../device/session.js';
import { GB } from '../contract/format.js';
import { DEVICE_NAMES, type Device } from '../contract/recipeWords.js';
import { memoryLimit } from '../support/memory.js';

/** Their values may be paths, addresses or secrets: only whether they are set is told. */
const VARIABLES = [
  'SECURITY_VECTORS_CACHE',
  'SECURITY_VECTORS_MEMORY_GB',
  'SECURITY_VECTORS_SECRETS',
  'HF_TOKEN',
  'HF_ENDPOINT',
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'NO_PROXY',
  'NO_COLOR',
  'NODE_OPTIONS',
  'OMP_NUM_THREADS',
];

type Gpu = Exclude<Device, 'cpu'>;

export interface Diagnosis {
  versions: { 'security-vectors': string; node: string; onnxruntime: string; glibc?: string };
  system: { platform: string; arch: string; release: string };
  processor: { model: string; cores: number; usable: number };
  device: { auto: string; why?: string } & Record<Gpu, string>;
  memoryGb: { machine: number; free: number; container?: number; limit: number };
  /** As the system sets them for this process; absent where it has none. */
  limits: Record<string, string>;
  /** Names of the variables that are set. */
  environment: string[];
}

const gb = (bytes: number): number => Math.round((100 * bytes) / GB) / 100;

export async function diagnose(version: string): Promise<Diagnosis> {
  const { glibc, limits } = reported();
  const container = process.constrainedMemory?.() ?? 0;
  const backend = await openBackend('auto');
  const answers: Record<string, string> = {};
  for (const device of Object.keys(DEVICE_NAMES).filter((name): name is Gpu => name !== 'cpu'))
    answers[device] = await openBackend(device).then(
      () => 'answers',
      (error: Error) => withoutPaths(error.message.replace(/^\S+ is not available: /, 'none, ')),
    );
  return {
    versions: { 'security-vectors': version, node: process.version, onnxruntime: ONNXRUNTIME, ...(glibc && { glibc }) },
    system: { platform: platform(), arch: arch(), release: release() },
    processor: { model: cpus()[0]?.model.trim() ?? '', cores: cpus().length, usable: availableParallelism() },
    device: {
      auto: backend.device,
      ...(backend.reason && { why: withoutPaths(backend.reason) }),
      ...(answers as Record<Gpu, string>),
    },
    memoryGb: {
      machine: gb(totalmem()),
      free: gb(freemem()),
      ...(container > 0 && container < 2 ** 60 && { container: gb(container) }),
      limit: gb(memoryLimit()),
    },
    limits,
    environment: VARIABLES.filter((name) => process.env[name] !== undefined),
  };
}

/** Lines of `section: key value · key value`. */
export function diagnosisText(diagnosis: Diagnosis): string {
  const list = (value: object): string =>
    Array.isArray(value)
      ? value.join(' ') || 'nothing set'
      : Object.entries(value)
          .map(([key, one]) => `${key} ${String(one)}`)
          .join(' · ');
  const rows = Object.entries(diagnosis) as [string, object][];
  return rows.map(([name, value]) => `${`${name}:`.padEnd(13)}${list(value)}`).join('\n');
}

/** Drivers put file names into their messages. */
const withoutPaths = (text: string): string => text.replace(/(?:[A-Za-z]:)?(?:[\\/][^\s:"'()\\/]+){2,}[\\/]?/g, '…');

interface Report {
  header: { glibcVersionRuntime?: string };
  userLimits?: Record<string, { soft: string | number }>;
}

/** Of Node's own report of this process, which names a user's folders elsewhere. */
function reported(): { glibc?: string; limits: Record<string, string> } {
  const { header, userLimits = {} } = process.report.getReport() as unknown as Report;
  const wanted = ['open_files', 'max_user_processes', 'virtual_memory_kbytes', 'file_size_blocks'];
  const soft = wanted.flatMap((name) => {
    const limit = userLimits[name]?.soft;
    return limit === undefined ? [] : [[name.replaceAll('_', ' '), String(limit)]];
  });
  return { glibc: header.glibcVersionRuntime, limits: Object.fromEntries(soft) as Record<string, string> };
}
