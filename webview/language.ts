/** Languages that are written from right to left, by their first part. */
const RIGHT_TO_LEFT = /^(ar|dv|fa|he|ku|ps|sd|ug|ur|yi)(-|$)/i;

/** Tells the browser and screen readers in what language a page is, and from which side it is read. */
export function showLanguage(language: string): void {
  const { documentElement: root } = document;
  root.lang = language;
  root.dir = RIGHT_TO_LEFT.test(language) ? 'rtl' : 'ltr';
}
