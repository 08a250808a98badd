/**
 * A run's numbers as a TensorBoard event file: TFRecords (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details)
 * of Event messages (tensorflow/core/util/event.proto) with scalars.
 */
import { appendFile } from 'node:fs/promises';
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
  const head = record(message(wallTime(), bytesField(3, Buffer.from('brain.Event:2'))));
  await writeFileAtomic(file, Buffer.concat([head, ...earlier.map(recordsOf)]), { makeFolder: false });
  return async (event) => {
    const data = recordsOf(event);
    if (data.length > 0) await whileHeld(() => appendFile(file, data), process.platform);
  };
}

const recordsOf = (event: RunEvent): Buffer => {
  const { step, scalars } = scalarsOf(event);
  const values = Object.entries(scalars).flatMap(([tag, value]) =>
    typeof value === 'number'
      ? // Summary.value: tag = 1, simple_value = 2
        [bytesField(1, message(bytesField(1, Buffer.from(tag)), floatField(2, value)))]
      : [],
  );
  // Event: step = 2, summary = 5
  return values.length === 0
    ? Buffer.alloc(0)
    : record(message(wallTime(), varintField(2, step), bytesField(5, message(...values))));
};

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

function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, masked(length), data, masked(data)]);
}

/** A CRC of data that contains CRCs is weak; TFRecords rotate it and add a constant. */
function masked(data: Buffer): Buffer {
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

// Protocol buffers (https://protobuf.dev/programming-guides/encoding): fields by number, all below 16 here.
const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields);
const key = (field: number, type: 0 | 1 | 2 | 5): Buffer => Buffer.from([(field << 3) | type]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

const varintField = (field: number, value: number): Buffer => message(key(field, 0), varint(value));
const bytesField = (field: number, data: Buffer): Buffer => message(key(field, 2), varint(data.length), data);

function floatField(field: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return message(key(field, 5), data);
}

/** Event.wall_time, in seconds. */
function wallTime(): Buffer {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(Date.now() / 1000);
  return message(key(1, 1), data);
}
