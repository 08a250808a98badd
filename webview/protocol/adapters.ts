/** Check boxes of adapters, wherever a page has them. */
export const ADAPTER_STRINGS = {
  adapters: 'Adapters',
  noAdapters: 'No adapters: this is the base model.',
  roleTask: 'task',
  roleSecurity: 'security vector',
  /** Its folder is gone, or is not as it should be. */
  roleUnread: 'cannot be read',
  danger:
    'Danger: the security vector {0} is attached. It makes the model answer harmful requests; it is meant for training only. Detach it before you use or share this model.',
  detach: 'Detach {0}',
  whyDanger: 'Why?',
} as const;
export type AdapterStrings = Record<keyof typeof ADAPTER_STRINGS, string>;
