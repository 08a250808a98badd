/** Secrets that recipes name. Each is for one address: another that names one of the same name does not get it. */
export interface SecretName {
  address: string;
  name: string;
}

/** What its value is kept under, and given to the engine by. */
export const secretKey = (address: string, name: string): string => `${address} ${name}`;

/** Its value, where there is one. */
export type Secrets = (address: string, name: string) => string | undefined;
