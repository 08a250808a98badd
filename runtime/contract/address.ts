/** What follows an address begins with a slash of its own. */
export const withoutSlash = (address: string): string => address.replace(/\/+$/, '');
