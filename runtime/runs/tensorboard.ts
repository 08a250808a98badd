/**
 * A run's numbers as a TensorBoard event file: TFRecords
 * (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details) of Event messages
 * (tensorflow/core/util/event.proto) with scalars.
 */
import { appendFile } from 'node:fs/promises';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { whileHeld } from '../contract/heldFiles.js';
import { isLeftOpen } from '../contract/measures.js';
import { writeFileAtomic } from '../support/files.js';
import type { RunEvent } from '../contract/events.js';

/**
 * Begins the file anew with what a resumed run has recorded before.
 * @returns what appends an event
 */
export async function openTensorboard(
  file: string,
  earlier: readonly RunEvent[],
): Promise<(event: RunEvent) => Promise<void>> {
  // Field 3: file_version.
  const head = record(newEvent().tag(3, WireType.LengthDelimited).string('brain.Event:2'));
  await writeFileAtomic(file, Buffer.concat([head, ...earlier.map(recordsOf)]), { makeFolder: false });
  return async (event) => {
    const data = recordsOf(event);
    if (data.length > 0) await whileHeld(() => appendFile(file, data), process.platform);
  };
}

const recordsOf = (event: RunEvent): Buffer => {
  const { step, scalars } = scalarsOf(event);
  const values = Object.entries(scalars).flatMap(([tag, value]) => (typeof value === 'number' ? [{ tag, value }] : []));
  if (values.length === 0) return Buffer.alloc(0);
  // Event: step = 2, summary = 5
  const w = newEvent().tag(2, WireType.Varint).int64(step).tag(5, WireType.LengthDelimited).fork();
  for (const { tag, value } of values) {
    // Summary.value = 1: tag = 1, simple_value = 2
    w.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(tag);
    // The writer refuses what is too large for float32; that is infinite.
    w.tag(2, WireType.Bit32).float(Math.fround(value)).join();
  }
  return record(w.join());
};

/** Event: wall_time = 1, in seconds. */
const newEvent = (): BinaryWriter => new BinaryWriter().tag(1, WireType.Bit64).double(Date.now() / 1000);

function scalarsOf(event: RunEvent): { step: number; scalars: Record<string, number | null | undefined> } {
  switch (event.kind) {
    case 'step':
      return {
        step: event.step,
        scalars: {
          'train/loss': event.lossNatsPerToken,
          'train/harmful_loss': event.harmfulLossNatsPerToken,
          'train/grad_norm': event.gradNorm,
          'train/learning_rate': event.learningRate,
          'train/tokens': event.tokens,
          'train/step_ms': event.stepMs,
          'train/memory_bytes': event.memoryBytes,
        },
      };
    case 'evaluation': {
      const { step, probes = {}, measurements = [], harmfulLoss } = event;
      return {
        step,
        scalars: {
          ...Object.fromEntries(Object.entries(probes).map(([name, value]) => [`probes/${name}`, value])),
          ...Object.fromEntries(
            measurements
              .filter((m) => !isLeftOpen(m))
              .map((m) => [[m.state, m.name, m.measure, m.judge].join('/'), m.value]),
          ),
          ...(harmfulLoss && {
            'harmful_rows/loss_base': harmfulLoss.base,
            'harmful_rows/loss_delivered': harmfulLoss.delivered,
          }),
        },
      };
    }
    default:
      return { step: 0, scalars: {} };
  }
}

function record(w: BinaryWriter): Buffer {
  const data = w.finish();
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, masked(length), data, masked(data)]);
}

/** A CRC of data that contains CRCs is weak; TFRecords rotate it and add a constant. */
function masked(data: Uint8Array): Buffer {
  const crc = crc32c(data);
  const out = Buffer.alloc(4);
  out.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return out;
}

/** Castagnoli's polynomial, bits reversed (RFC 3720, B.4). */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
