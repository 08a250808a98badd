/** Text as it stands in HTML and SVG; attributes are in double quotes. */
export const escapeMarkup = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
