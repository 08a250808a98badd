/** Scripts that complete commands, options and their values in a shell, made from the table of commands. */
import { type CommandName, commands, helpOf, options, optionsOf, type OptionName, type Shell } from './commands.js';

const PROGRAM = 'security-vectors';
const entries = (Object.keys(commands) as CommandName[]).map((name) => [name, commands[name]] as const);
const words = (names: readonly string[]): string => names.join(' ');
const flags = (names: readonly OptionName[]): string => words(names.map((name) => `--${name}`));
const named = Object.entries(options);

export const completion = (shell: Shell): string => SCRIPTS[shell]();

const SCRIPTS: Record<Shell, () => string> = { bash, zsh, fish };

/** Where nothing is offered, `-o default` completes paths. */
function bash(): string {
  const values = named.flatMap(([name, { type, choices }]) => {
    if (type === 'boolean') return [];
    return choices ? [`    --${name}) words='${words(choices)}' ;;`] : [];
  });
  const free = named.flatMap(([name, { type, choices }]) => (type === 'string' && !choices ? [`--${name}`] : []));
  const own = entries.map(([name, command]) => {
    const offered = command.choices ? `${words(command.choices)} ` : '';
    return `    ${name}) words='${offered}${flags(optionsOf(name))}' ;;`;
  });
  return `_security_vectors() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=''
  COMPREPLY=()
  case "$before" in
${values.join('\n')}
    ${free.join('|')}) return ;;
    *)
      if [[ $COMP_CWORD -eq 1 ]]; then
        words='${words(entries.map(([name]) => name))} --help --version'
      else
        case "\${COMP_WORDS[1]}" in
${own.map((line) => `      ${line}`).join('\n')}
        esac
        case "\${COMP_WORDS[1]}/$word" in
          ${words(entries.flatMap(([name, { choices }]) => (choices ? [`${name}/*`] : []))).replaceAll(' ', '|')}|*/-*) ;;
          *) return ;;
        esac
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _security_vectors ${PROGRAM}
`;
}

/** In single quotes, where \`_arguments\` gives brackets and colons a meaning. */
const zshText = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''");

function zsh(): string {
  const argument = (name: OptionName, command: CommandName): string => {
    const { type, value = '', choices, multiple } = options[name];
    const takes = type === 'boolean' ? '' : `:${zshText(value)}:${choices ? `(${words(choices)})` : paths(value)}`;
    return `'${multiple ? '*' : ''}--${name}[${zshText(helpOf(command, name))}]${takes}'`;
  };
  const own = entries.map(([name, command]) => {
    const rest = command.choices ? `'1:what:(${words(command.choices)})'` : `'*:file:_files'`;
    return `    ${name}) _arguments ${[...optionsOf(name).map((option) => argument(option, name)), rest].join(' ')} ;;`;
  });
  return `#compdef ${PROGRAM}
_security_vectors() {
  local -a commands
  commands=(
${entries.map(([name, { does }]) => `    '${name}:${zshText(does)}'`).join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${own.join('\n')}
  esac
}
if [[ $funcstack[1] == _security-vectors ]]; then
  _security_vectors "$@"
else
  compdef _security_vectors ${PROGRAM}
fi
`;
}

const paths = (value: string): string => (/^(DIR|FILE|OUT)/.test(value) ? '_files' : ' ');

const fishText = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;

function fish(): string {
  const lines = entries.flatMap(([name, command]) => {
    const seen = `-n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c ${PROGRAM} -n __fish_use_subcommand -f -a ${name} -d ${fishText(command.does)}`,
      ...(command.choices ? [`complete -c ${PROGRAM} ${seen} -f -a ${fishText(words(command.choices))}`] : []),
      ...optionsOf(name).map((option) => {
        const { type, choices } = options[option];
        const takes = type === 'boolean' ? '' : choices ? ` -x -a ${fishText(words(choices))}` : ' -r';
        return `complete -c ${PROGRAM} ${seen} -l ${option}${takes} -d ${fishText(helpOf(name, option))}`;
      }),
    ];
  });
  return `${lines.join('\n')}\n`;
}
