import { vulkanEnv as hostVulkanEnv } from '../vscode/host/browser.mjs';

/**
 * Environment for a child process that is to run on `webgpu` without a GPU: the software Vulkan driver of the VS Code
 * host. Undefined when the host is not installed (`node test/vscode/host/setup.mjs`; `npm test` does it before the unit
 * tests). The driver is found only by processes that start with this environment, not by the one that asks for it.
 */
export async function vulkanEnv(): Promise<NodeJS.ProcessEnv | undefined> {
  const driver = await hostVulkanEnv();
  return driver && { ...process.env, ...driver };
}
