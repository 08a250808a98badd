import { secretKey, type Secrets } from '../contract/secrets.js';

/** A host gives all that there are, by their keys. On the command line nobody does: there they are environment variables. */
export const secretsFrom =
  (given: Readonly<Record<string, string>> | undefined): Secrets =>
  (address, name) =>
    given ? given[secretKey(address, name)] : process.env[name];
