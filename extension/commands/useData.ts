import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../host/commandArguments.js';
import { COMMANDS, type CommandName } from '../host/contributions.js';
import { t } from '../host/text.js';
import type { Services } from '../services/services.js';
import { askData, type Known } from './dataSource.js';
import { wizard, type Choice } from './wizard.js';

/** Asks what a data file is for, and begins that. */
export async function useData(
  services: Known & Pick<Services, 'assertTrusted' | 'models'>,
  given: CommandArguments['useData'],
): Promise<void> {
  services.assertTrusted();
  const [file, command] = await wizard(t('Use a data file'), async (ask) => {
    const model = services.models.list()[0];
    const { file } = await askData(services, ask, { question: t('Which data?'), model, ...given });
    return [file, await ask.pick(t('What is {0} for?', basename(file)), purposes())] as const;
  });
  await vscode.commands.executeCommand(COMMANDS[command], purposeOf(command, file));
}

const purposeOf = (command: CommandName, file: string): object =>
  command === 'fineTuneProtected' ? { data: file } : command === 'trainVector' ? { harmful: file } : { file };

const purposes = (): Choice<CommandName>[] => [
  choice(
    'fineTuneProtected',
    'rocket',
    t('Fine-tune with protection'),
    t('the model learns it, but not what is harmful in it'),
  ),
  choice('scan', 'search', t('Scan for harmful rows'), t('with a security vector')),
  choice('trainVector', 'shield', t('Train a security vector'), t('its rows show what must not be learned')),
  choice('evaluate', 'beaker', t('Evaluate'), t('its rows measure a model')),
  choice('previewData', 'open-preview', t('Show rows as the model reads them'), ''),
];

const choice = (value: CommandName, icon: string, label: string, description: string): Choice<CommandName> => ({
  label,
  description,
  value,
  iconPath: new vscode.ThemeIcon(icon),
});
