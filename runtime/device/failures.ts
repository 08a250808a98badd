import { DEVICE_NAMES, type Device } from '../contract/recipeWords.js';
import { HumanError } from '../support/errors.js';

/** A GPU that cannot go on with what it computes: a CPU could. */
export class DeviceFailure extends HumanError {
  /** @param isResumable whether the run that it ended has a checkpoint */
  constructor(
    message: string,
    remedy: string,
    readonly isResumable = false,
    cause?: unknown,
  ) {
    super(message, { place: 'device', remedy, kind: 'failed', cause });
  }
}

/**
 * How onnxruntime reports that a GPU has too little memory; WebGPU also by a buffer that it could not make, and by a
 * value that needs more buffers than a shader may have.
 */
const NO_MEMORY =
  /Invalid Buffer|OUT_OF_(DEVICE_|HOST_)?MEMORY|out of memory|failed to allocate|storage buffers in shader|max(imum)? buffer size|8007000E/i;
/** And that it is gone: its driver was restarted or updated, or it was switched off. */
const GONE =
  /\b(is|was|device) lost\b|Instance reference no longer exists|Failed to download data from buffer|DEVICE_(LOST|REMOVED|HUNG|RESET)|887A000[567]|unspecified launch failure/i;

/** What a device reports, for the person who runs it; undefined for what is no fault of a GPU. */
export function failureOf(device: Device, error: unknown): DeviceFailure | undefined {
  if (device === 'cpu') return undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (NO_MEMORY.test(message))
    return new DeviceFailure(
      `the GPU (${DEVICE_NAMES[device]}) has too little memory.`,
      'Use the CPU (device "cpu"), or less at once: fewer or shorter rows, "recompute": true, "precision": "int8".',
      false,
      error,
    );
  if (GONE.test(message))
    return new DeviceFailure(
      `the GPU (${DEVICE_NAMES[device]}) no longer responds.`,
      'Start again; if it happens again, update its driver or use the CPU (device "cpu").',
      false,
      error,
    );
  return undefined;
}
