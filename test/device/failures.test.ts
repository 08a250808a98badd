import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf } from '../../runtime/device/failures.js';

/** What onnxruntime has thrown on webgpu: with SwiftShader, with Mesa's lavapipe; and what others report. */
const NO_MEMORY = [
  'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.',
  "Non-zero status code returned while running MatMul node. Name:'MatMul' Status Message: shader_helper.cc:306 numbers_storage_buffers_ <= limits_.maxStorageBuffersPerShaderStage was false. Too many storage buffers in shader. Current: 50, Max is 16",
  'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY',
  'CUDA failure 2: out of memory ; GPU=0',
];
/** In the library of onnxruntime 1.30, which has Dawn in it. */
const GONE = [
  '[Device] is lost.\n - While calling [Device].CreateBuffer([BufferDescriptor]).',
  'A valid external Instance reference no longer exists.',
  'Failed to download data from buffer. wgpu::MapAsyncStatus value: 3',
  'DXGI_ERROR_DEVICE_REMOVED',
];

test('a GPU without memory, and one that is gone, are told in plain words', () => {
  for (const said of NO_MEMORY)
    assert.equal(failureOf('webgpu', new Error(said))?.message, 'the GPU (WebGPU) has too little memory.', said);
  for (const said of GONE)
    assert.equal(failureOf('webgpu', new Error(said))?.message, 'the GPU (WebGPU) no longer responds.', said);
});

test('other errors, and those of a CPU, are left as they are', () => {
  assert.equal(failureOf('webgpu', new Error('Got invalid dimensions for input: a')), undefined);
  assert.equal(failureOf('cpu', new Error(NO_MEMORY[0])), undefined);
});
