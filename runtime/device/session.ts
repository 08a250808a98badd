/** The only file that touches onnxruntime-node: devices, sessions, tensors. */
import * as ort from 'onnxruntime-node';
import type { DType, Graph } from '../onnx/graph.js';
import { lowerLogSoftmax } from '../onnx/lower.js';
import { serialize } from '../onnx/serialize.js';
import { elementsOf, type Dim } from '../onnx/shapes.js';
import { scanCounts, unrollScans } from '../onnx/unroll.js';
import { weightsAsInputs } from '../onnx/weightInputs.js';
import type { Device } from '../contract/recipeWords.js';
import { DEVICES, type Piecewise } from './devices.js';
import { failureOf } from './failures.js';
import { deviceWeights, type DeviceWeights, type HeldWeights } from './deviceWeights.js';

/**
 * Since version 1.29 onnxruntime's binaries for Linux and macOS collect events (names of model files and graphs,
 * hardware, run times, an id of the machine) in the user's cache folder and send them to Microsoft, unless this is set
 * before the first session is made.
 */
process.env['ORT_DISABLE_TELEMETRY'] = '1';

/** A tensor on the CPU or on the device. Opaque outside this file, but for its dims. */
export type Tensor = ort.Tensor;
export type Feeds = Record<string, Tensor>;

/** Copies nothing: the tensor uses the array. */
export const float32 = (data: Float32Array, dims: readonly number[]): Tensor => new ort.Tensor('float32', data, dims);
/** Of zeros; it takes the place of one of the same dims that nobody reads any more, on the CPU. */
export const zeros = (dims: readonly number[], over?: Tensor): Tensor => {
  if (over?.location !== 'cpu') return float32(new Float32Array(elementsOf(dims)), dims);
  (over.data as Float32Array).fill(0);
  return over;
};
export const uint8 = (data: Uint8Array): Tensor => new ort.Tensor('uint8', data, [data.length]);
export const int64 = (data: ArrayLike<number>, dims: readonly number[]): Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(data, BigInt), dims);
/** From values sent by another process: int64 or float32. */
export const tensor = (data: unknown, dims: readonly number[]): Tensor =>
  data instanceof BigInt64Array ? new ort.Tensor('int64', data, dims) : float32(data as Float32Array, dims);
export const scalar = (value: number): Tensor => new ort.Tensor('float32', new Float32Array([value]), []);

export interface Session {
  /**
   * Runs the graph. Outputs not named in `fetch` are not computed; all are, without it. Blocks the thread.
   * @param into tensors that outputs of these names are written over, on the CPU: new memory costs time. A GPU has no
   * use for them
   */
  run(feeds: Feeds, fetch?: readonly string[], into?: Feeds): Promise<Record<string, Tensor>>;
  dispose(): Promise<void>;
}

interface SessionOptions {
  /** Folder of the external initializers. */
  folder?: string;
  /** onnxruntime writes what each node took into a file that begins so. */
  profile?: string;
  /** Outputs that stay on the device, to be fed into the next run. No effect on the CPU. */
  keep?: readonly string[];
  /** Weights are copied into the layout that products with few rows are fastest in. */
  prepack?: boolean;
}

/** Version of onnxruntime, whose kernels round as they do. */
export const ONNXRUNTIME = ort.env.versions.node ?? ort.env.versions.common;

/** A device that runs graphs. The same code serves the CPU and a GPU. */
export interface Backend {
  readonly device: Device;
  readonly threads: number;
  /** Why this device was chosen, under `auto`. */
  readonly reason?: string;
  /** Most outputs of one Split: a shader binds few buffers. */
  readonly maxSplitOutputs: number;
  readonly pieces: Piecewise;
  session(graph: Graph, options?: SessionOptions): Promise<Session>;
  /** The values of a float32 tensor, wherever it is. */
  read(tensor: Tensor): Promise<Float32Array>;
  /** Frees a tensor of the device; tensors of the CPU are left to the garbage collector. */
  release(tensor: Tensor | undefined): void;
  /** Frees outputs of runs at once, on the CPU too: nothing may read them again. */
  free(outputs: readonly Tensor[]): void;
}

/** A model file as any program opens it. */
export interface FileSession {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Element type of an input or output: int64, float32, … */
  type(name: string): string | undefined;
  run(feeds: Feeds): Promise<Record<string, Tensor>>;
  dispose(): Promise<void>;
}

/**
 * Opens an ONNX file on the CPU with onnxruntime's own defaults; external data lie beside it.
 * @param options `threads`: 0 uses all cores. `manyShapes`: no arena, which would keep a block for every shape of a
 * batch; and what goes wrong is only thrown, not printed.
 */
export async function openFile(
  file: string,
  { threads = 0, manyShapes = false }: { threads?: number; manyShapes?: boolean } = {},
): Promise<FileSession> {
  const session = await ort.InferenceSession.create(file, {
    executionProviders: ['cpu'],
    logSeverityLevel: manyShapes ? 4 : 3,
    ...(threads > 0 ? { intraOpNumThreads: threads } : {}),
    ...(manyShapes ? { enableCpuMemArena: false, enableMemPattern: false } : {}),
  });
  const types = new Map(
    [...session.inputMetadata, ...session.outputMetadata].flatMap((v) => (v.isTensor ? [[v.name, v.type]] : [])),
  );
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    type: (name) => types.get(name),
    run: async (feeds) => session.run(feeds),
    dispose: async () => session.release(),
  };
}

/** Sessions of onnxruntime on one device. @param reason why it was chosen, under `auto` */
export function backend(device: Device, threads: number, reason?: string): Backend {
  const { maxSplitOutputs, pieces } = DEVICES[device];
  const on: Place = { device, threads, copies: new Map() };
  return {
    device,
    threads,
    reason,
    maxSplitOutputs,
    pieces,
    async session(graph, given = {}) {
      const names = graph.outputs.map((v) => v.name);
      const counts = pieces === 'unrolled' ? scanCounts(graph) : [];
      const unrolled = new UnrolledGraphs((times) =>
        load(on, times.size > 0 ? unrollScans(graph, (dim) => times.get(dim)!) : graph, given),
      );
      if (counts.length === 0) await unrolled.of(new Map());
      return {
        async run(feeds, fetch = names, into = {}) {
          const times = new Map(counts.map(({ dim, input, axis }) => [dim, feeds[input].dims[axis]]));
          const { session, weights } = await unrolled.of(times);
          if (device !== 'cpu') return named(device, session.run({ ...weights, ...feeds }, fetch));
          const found = await session.run(feeds, { ...Object.fromEntries(fetch.map((name) => [name, null])), ...into });
          discard(Object.keys(into).map((name) => found[name]));
          return { ...found, ...into };
        },
        dispose: () => unrolled.dispose(),
      };
    },
    async read(tensor) {
      if (tensor.location === 'cpu') return tensor.data as Float32Array;
      // getData() on a tensor of the device ends the process: download through a session whose output is on the CPU.
      return (await copied(on, tensor)).data as Float32Array;
    },
    release(tensor) {
      if (tensor && tensor.location !== 'cpu') tensor.dispose();
    },
    free(outputs) {
      const onCpu = outputs.filter(({ location }) => location === 'cpu');
      if (onCpu.length > 0) discard(onCpu);
      for (const output of outputs) if (output.location !== 'cpu') output.dispose();
    },
  };
}

/** Where sessions run. */
interface Place {
  readonly device: Device;
  readonly threads: number;
  /** Sessions that copy a tensor, by its type and rank. */
  readonly copies: Map<string, Promise<ort.InferenceSession>>;
}

async function load(on: Place, graph: Graph, given: SessionOptions): Promise<Loaded> {
  const { logSoftmax, keeps, exactAngles } = DEVICES[on.device];
  const lowered = logSoftmax ? graph : lowerLogSoftmax(graph);
  const { graph: read, weights } = keeps ? weightsAsInputs(lowered) : { graph: lowered, weights: [] };
  const held = keeps ? await weightsOn(on).hold(weights, given.folder ?? '') : NONE_HELD;
  try {
    const options = sessionOptions(on, given, exactAngles ? [] : exactNodes(read));
    const session = await ort.InferenceSession.create(serialize(read), options);
    return {
      session,
      weights: held.feeds,
      hasOwn: read.initializers.some(({ data }) => data.kind === 'external'),
      dispose: async () => {
        try {
          if (given.profile !== undefined) session.endProfiling();
          await session.release();
        } finally {
          await held.release();
        }
      },
    };
  } catch (error) {
    await held.release();
    const why = error instanceof Error ? error.message : String(error);
    const message = `the graph ${graph.name} does not load on ${on.device}: ${why}`;
    throw failureOf(on.device, error) ?? new Error(message, { cause: error });
  }
}

/** @param exact names of nodes that stay on the CPU */
function sessionOptions(
  { device, threads }: Place,
  { folder, keep, profile, prepack = false }: SessionOptions,
  exact: readonly string[] = [],
): ort.InferenceSession.SessionOptions {
  const stays = DEVICES[device].keeps ? keep : undefined;
  return {
    executionProviders:
      device === 'cpu' ? ['cpu'] : [{ name: device, ...(exact.length > 0 ? { forceCpuNodeNames: exact } : {}) }, 'cpu'],
    // The graph is written well: optimising it costs seconds, folds F16 weights to F32 and copies mapped weights.
    graphOptimizationLevel: 'disabled',
    enableMemPattern: false,
    // batches have many shapes; an arena keeps a block for each and grows to several times what a step needs
    enableCpuMemArena: false,
    ...(threads > 0 ? { intraOpNumThreads: threads } : {}),
    ...(stays ? { preferredOutputLocation: Object.fromEntries(stays.map((name) => [name, 'gpu-buffer'])) } : {}),
    // what goes wrong is thrown
    logSeverityLevel: 4,
    ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
    extra: {
      session: {
        disable_prepacking: prepack ? '0' : '1',
        'intra_op.allow_spinning': '0',
        ...(folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }),
      },
    },
  };
}

/** The tensor in the memory of the CPU, or of the device. */
async function copied(on: Place, tensor: Tensor, keep: readonly string[] = []): Promise<Tensor> {
  const rank = tensor.dims.length;
  const key = [tensor.type, rank, ...keep].join();
  const open = (): Promise<ort.InferenceSession> =>
    ort.InferenceSession.create(serialize(identityGraph(tensor.type as DType, rank)), sessionOptions(on, { keep }));
  const session = on.copies.get(key) ?? open();
  on.copies.set(key, session);
  session.catch(() => on.copies.delete(key));
  return named(
    on.device,
    session.then(async (one) => (await one.run({ x: tensor })).y),
  );
}

/** All backends of a device share its weights. */
function weightsOn(on: Place): DeviceWeights<Tensor> {
  const known =
    weightsOfDevices.get(on.device) ??
    deviceWeights(
      async (values, shape) => {
        const onCpu = values instanceof Float32Array ? float32(values, shape) : new ort.Tensor('uint8', values, shape);
        try {
          return await copied(on, onCpu, ['y']);
        } finally {
          discard([onCpu]);
        }
      },
      (tensor) => tensor.dispose(),
    );
  weightsOfDevices.set(on.device, known);
  return known;
}

/** What the device fails with has a name that people know. */
const named = <T>(device: Device, work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    throw failureOf(device, error) ?? error;
  });

/** A graph that onnxruntime has loaded, and the weights that it is fed with besides. */
interface Loaded {
  readonly session: ort.InferenceSession;
  readonly weights: Feeds;
  /** Whether it has weights of its own beside those that are shared. */
  readonly hasOwn: boolean;
  dispose(): Promise<void>;
}
/** So many graphs with weights of their own are loaded at once for one session, by the pieces that they compute. */
const MOST_OWN = 2;

/** A graph as it is loaded, once for each count of the runs of its Scans' bodies. */
class UnrolledGraphs {
  private readonly loaded = new Map<string, Promise<Loaded>>();

  constructor(private readonly load: (times: ReadonlyMap<Dim, number>) => Promise<Loaded>) {}

  async of(times: ReadonlyMap<Dim, number>): Promise<Loaded> {
    const key = JSON.stringify([...times.values()]);
    const known = this.loaded.get(key);
    if (known) return known;
    for (const [old, one] of [...this.loaded].slice(0, 1 - MOST_OWN)) {
      if (!(await one).hasOwn) break;
      this.loaded.delete(old);
      await (await one).dispose();
    }
    const made = this.load(times);
    this.loaded.set(key, made);
    made.catch(() => this.loaded.delete(key));
    return made;
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.loaded.values()].map(async (one) => (await one).dispose()));
  }
}

const NONE_HELD: HeldWeights<Tensor> = { feeds: {}, release: async () => undefined };

const weightsOfDevices = new Map<Device, DeviceWeights<Tensor>>();

const { port1: nowhere } = new MessageChannel();
nowhere.close();

/**
 * Frees the memory of tensors that nobody reads any more, such as onnxruntime's copy of what it wrote over a given one.
 * A port that is closed frees what it is sent; else it waits for the garbage collector.
 */
const discard = (made: readonly Tensor[]): void =>
  nowhere.postMessage(
    null,
    made.map(({ data }) => (data as Float32Array).buffer as ArrayBuffer),
  );

/** Nodes that stay on the CPU for their precision: they depend on positions alone and cost next to nothing. */
const exactNodes = (graph: Graph): string[] =>
  graph.nodes.filter(({ op }) => op === 'Sin' || op === 'Cos').map(({ outputs }) => outputs[0].name);

function identityGraph(dtype: DType, rank: number): Graph {
  const dims = Array.from({ length: rank }, (_, i) => `N${i}`);
  const x = { name: 'x', dtype, shape: dims };
  const y = { ...x, name: 'y' };
  return {
    name: 'read',
    inputs: [x],
    outputs: [y],
    initializers: [],
    nodes: [{ op: 'Identity', name: 'read', inputs: [x], outputs: [y], attributes: {} }],
  };
}
