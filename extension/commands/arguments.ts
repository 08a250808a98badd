/** The border: what VS Code or a keybinding calls a command with becomes the argument that the command takes. */
import { isObject } from '../../runtime/contract/isObject.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import type * as z from 'zod';
import { COMMAND_ARGUMENTS, type CommandArguments } from '../host/commandArguments.js';
import { COMMANDS, type CommandName } from '../host/contributions.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';

const TAKES: { [K in CommandName]: { schema: z.ZodType<CommandArguments[K]>; path?: string; many?: string } } =
  COMMAND_ARGUMENTS;

/**
 * Keys of the rows of views. The title of a view passes the row that has the focus, whether the command is about it or
 * not.
 */
const ROW_KEYS = new Set(['model', 'adapter', 'data', 'run', 'problem']);

/**
 * @param argument text or a `Uri` (a file or folder), a row of a view, or the command's own object.
 * @param more further keys of that object. Menus pass all that is selected here, which is meant by a command that takes
 * several; or the editor's group, which is not.
 * @throws HostError naming what the command does not take
 */
export function commandArgument<K extends CommandName>(
  name: K,
  argument?: unknown,
  more?: unknown,
): CommandArguments[K] {
  const { schema, path, many } = TAKES[name];
  const keys = Object.keys(COMMAND_ARGUMENTS[name].schema.shape);
  const own = Object.entries(isObject(more) ? more : {}).filter(([key]) => keys.includes(key));
  const selected = path !== undefined && many !== undefined ? selection(more, path) : [];
  const given =
    keys.length === 0
      ? {}
      : {
          ...keyed(name, argument, path, keys),
          ...Object.fromEntries(own),
          ...(many !== undefined && selected.length > 1 && { [many]: selected }),
        };
  const { success, data, error } = safeParse(schema, given);
  if (success) return data;
  const [issue] = error.issues;
  throw issue?.code === 'unrecognized_keys'
    ? wrong(name, t('the command takes no "{0}".', issue.keys[0] ?? ''))
    : wrong(name, t('"{0}" has a value that the command does not take.', issue?.path.join('.') ?? ''));
}

function keyed(name: CommandName, argument: unknown, path: string | undefined, keys: readonly string[]): object {
  if (argument === undefined || argument === null) return {};
  const given = isObject(argument) ? argument : { fsPath: argument };
  if ('fsPath' in given) {
    if (typeof given['fsPath'] === 'string' && path !== undefined) return { [path]: given['fsPath'] };
    throw wrong(name, t('the command cannot be called with this {0}.', typeof argument));
  }
  return Object.fromEntries(
    Object.entries(given).flatMap(([key, value]): [string, unknown][] => {
      if (keys.includes(key)) return [[key, value]];
      if (path !== undefined && (key === 'data' || key === 'file')) return [[path, value]];
      return ROW_KEYS.has(key) ? [] : [[key, value]];
    }),
  );
}

/** The files, or the rows of a view, that are selected. */
const selection = (more: unknown, path: string): unknown[] =>
  (Array.isArray(more) ? (more as unknown[]) : []).flatMap((one) =>
    isObject(one) ? [one['fsPath'] ?? one[path]].filter((given) => given !== undefined) : [],
  );

const wrong = (name: CommandName, message: string): Error => {
  const keys = Object.keys(COMMAND_ARGUMENTS[name].schema.shape).join(', ');
  return inputError(message, { place: COMMANDS[name], remedy: t('It takes: {0}.', keys) });
};
