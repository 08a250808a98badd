import { withoutSlash } from '../contract/address.js';
import { secretKey, type Secrets } from '../contract/secrets.js';
import { HumanError } from '../support/errors.js';

/**
 * A host gives all that there are, by their keys. On the command line nobody does: there they are environment
 * variables.
 */
export const secretsFrom = (given: Readonly<Record<string, string>> | undefined): Secrets =>
  given ? (address, name) => given[secretKey(address, name)] : ofEnvironment;

/**
 * Says which variables may be sent to which addresses: a recipe of somebody else could name any.
 * @param more NAME=ADDRESS, beside those of SECURITY_VECTORS_SECRETS @throws HumanError for what is none
 */
export function allowSecrets(more: readonly string[]): void {
  for (const one of more)
    if (!/^\w+=https?:\/\/[^\s,]+$/.test(one))
      throw new HumanError(`--secret is "${one}"; a name and its address were expected.`, {
        remedy: 'Write it as NAME=ADDRESS, with the name of an environment variable and the address in the recipe.',
      });
  if (more.length > 0)
    process.env.SECURITY_VECTORS_SECRETS = [process.env.SECURITY_VECTORS_SECRETS ?? '', ...more].join(' ');
}

const ofEnvironment: Secrets = (address, name) => {
  const value = process.env[name];
  if (value === undefined || isAllowed(`${name}=${address}`)) return value;
  throw new HumanError(`the environment variable ${name} would be sent to ${address}, which was not allowed.`, {
    remedy: `To allow it, add --secret ${name}=${address}, or name this pair in SECURITY_VECTORS_SECRETS.`,
    code: 'secret',
  });
};

const isAllowed = (pair: string): boolean =>
  (process.env.SECURITY_VECTORS_SECRETS ?? '').split(/[\s,]+/).some((one) => withoutSlash(one) === withoutSlash(pair));
